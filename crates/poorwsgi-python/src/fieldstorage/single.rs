//! Reading a body that is a single value, by blocks or by lines.

use bytes::Bytes;
use poorwsgi_core::form::{FormError, FormLimits};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBytes};

use super::decode::codec;
use super::file::close;
use super::limited_input::{LimitedInput, bytes};
use super::lines::BoundaryFinder;
use super::parser::FieldStorageParser;
use crate::names::Name;

#[pymethods]
impl FieldStorageParser {
    /// Reads a body that is a single value, and returns a file with its content: a binary file if the body
    /// has a file name, otherwise a text file.
    fn read_single<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let file = if Self::known_length(slf)?.is_some() {
            let file = slf.call_method0("read_binary")?;
            slf.call_method0("skip_lines")?;
            file
        } else {
            slf.call_method0("read_lines")?
        };
        file.call_method1("seek", (0,))?;
        Ok(file)
    }

    /// Reads length bytes into a file from make_file, and returns it. Sets done to -1 if the body ends early.
    fn read_binary<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::into_new_file(slf, |file| {
            let writer = Writer::new(slf, file)?;
            let mut source = Self::source(slf, Some(Self::known_length(slf)?.unwrap_or(0)))?;
            while let Some(block) = source.block()? {
                writer.write(&block)?;
                slf.try_borrow_mut()?.bytes_read += block.len() as u64;
            }
            writer.finish()?;
            if source.end().is_err() {
                slf.try_borrow_mut()?.done = -1;
            }
            Ok(())
        })
    }

    /// Reads lines up to the outer boundary, or to the end if there is no outer boundary, and returns a file
    /// with them.
    fn read_lines<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let is_part = !slf.try_borrow()?.outerboundary.is_empty();
        let read = if is_part { "read_lines_to_outerboundary" } else { "read_lines_to_eof" };
        Self::into_new_file(slf, |file| slf.call_method1(read, (file,)).map(drop))
    }

    /// Writes the lines up to the end into a file, and returns it.
    fn read_lines_to_eof<'py>(
        slf: &Bound<'py, Self>,
        file: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let writer = Writer::new(slf, &file)?;
        let mut source = Self::source(slf, None)?;
        while let Some(line) = Self::line(slf, &mut source)? {
            writer.write(&line)?;
        }
        writer.finish()?;
        Ok(file)
    }

    /// Writes the lines up to the outer boundary into a file, and returns it.
    fn read_lines_to_outerboundary<'py>(
        slf: &Bound<'py, Self>,
        file: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let writer = Writer::new(slf, &file)?;
        Self::read_part(slf, |data| writer.write(data))?;
        writer.finish()?;
        Ok(file)
    }

    /// Skips the lines up to the outer boundary, if there is one.
    fn skip_lines(slf: &Bound<'_, Self>) -> PyResult<()> {
        let is_part = !slf.try_borrow()?.outerboundary.is_empty() && slf.try_borrow()?.done == 0;
        if is_part { Self::read_part(slf, |_| Ok(())) } else { Ok(()) }
    }

    /// Returns the file to which a value is written: for a value with a file name, the file of file_callback
    /// or a binary temporary file; otherwise a text temporary file.
    fn make_file<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        static TEMPORARY_FILE: Name = Name::new("tempfile", "TemporaryFile");
        let py = slf.py();
        if !Self::has_filename(slf)? {
            let options = [("encoding", "utf-8"), ("newline", "\n")].into_py_dict(py)?;
            return TEMPORARY_FILE.get(py)?.call(("w+",), Some(&options));
        }
        match Self::attribute(slf, |parser| &parser.file_callback)? {
            callback if callback.is_none() => TEMPORARY_FILE.get(py)?.call1(("wb+",)),
            callback => callback.call1((Self::attribute(slf, |parser| &parser.filename)?,)),
        }
    }

    /// Reads lines up to the first inner boundary.
    fn _skip_to_boundary(slf: &Bound<'_, Self>) -> PyResult<()> {
        let boundary = Self::inner_boundary(slf)?;
        let input = Self::attribute(slf, |parser| &parser.input)?;
        loop {
            let line = bytes(&input, &input.call_method0("readline")?)?;
            slf.try_borrow_mut()?.bytes_read += line.len() as u64;
            if line.is_empty() || line.trim_ascii_end().strip_prefix(b"--") == Some(boundary.as_bytes()) {
                return Ok(());
            }
        }
    }
}

impl FieldStorageParser {
    /// Writes into a new file from `make_file`, and returns the file; closes it if writing fails.
    fn into_new_file<'py>(
        slf: &Bound<'py, Self>,
        write: impl FnOnce(&Bound<'py, PyAny>) -> PyResult<()>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let file = slf.call_method0("make_file")?;
        if let Err(error) = write(&file) {
            close(&file)?;
            return Err(error);
        }
        Ok(file)
    }

    fn has_filename(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::attribute(slf, |parser| &parser.filename)?.is_truthy()
    }

    fn line(slf: &Bound<'_, Self>, source: &mut LimitedInput<'_>) -> PyResult<Option<Bytes>> {
        let line = source.line()?;
        let mut parser = slf.try_borrow_mut()?;
        match &line {
            Some(line) => parser.bytes_read += line.len() as u64,
            None => parser.done = -1,
        }
        let most = FormLimits::default().body_bytes;
        if parser.limit.is_none() && parser.bytes_read > most {
            drop(parser);
            let error = FormError::TooLarge {
                what: "bytes of a body of unknown length",
                limit: most,
                setting: "limit",
            };
            return Err(Self::error(slf, error));
        }
        Ok(line)
    }

    /// Reads to the outer boundary, or to the end if the boundary does not occur.
    fn read_part(slf: &Bound<'_, Self>, mut take: impl FnMut(&[u8]) -> PyResult<()>) -> PyResult<()> {
        let failed = |error| Self::error(slf, error);
        let mut boundary = BoundaryFinder::new(&slf.try_borrow()?.outerboundary).map_err(failed)?;
        let mut source = Self::source(slf, None)?;
        while !boundary.has_ended() {
            let line = Self::line(slf, &mut source)?;
            let at_end = line.is_none();
            let data = match line {
                Some(line) => boundary.push(line),
                None => boundary.finish(),
            };
            data.map_err(failed)?.iter().try_for_each(|data| take(data))?;
            if at_end {
                return Ok(());
            }
        }
        slf.try_borrow_mut()?.done = boundary.is_closed().into();
        Ok(())
    }
}

/// Writes a value into a Python file: bytes into the file of an upload, text into any other.
struct Writer<'a, 'py> {
    file: &'a Bound<'py, PyAny>,
    decoder: Option<Bound<'py, PyAny>>,
}

impl<'a, 'py> Writer<'a, 'py> {
    fn new(parser: &Bound<'py, FieldStorageParser>, file: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let decoder = if FieldStorageParser::has_filename(parser)? {
            None
        } else {
            let (encoding, errors) =
                (parser.try_borrow()?.encoding.clone(), parser.try_borrow()?.errors.clone());
            let codec = codec(parser.py(), &encoding)?;
            Some(codec.call_method1("incrementaldecoder", (errors,))?)
        };
        Ok(Writer { file, decoder })
    }

    fn write(&self, data: &[u8]) -> PyResult<()> {
        self.write_piece(data, false)
    }

    fn finish(self) -> PyResult<()> {
        if self.decoder.is_some() { self.write_piece(b"", true) } else { Ok(()) }
    }

    fn write_piece(&self, data: &[u8], is_last: bool) -> PyResult<()> {
        let py = self.file.py();
        let data = PyBytes::new(py, data).into_any();
        let data = match &self.decoder {
            Some(decoder) => decoder.call_method1(intern!(py, "decode"), (data, is_last))?,
            None => data,
        };
        self.file.call_method1(intern!(py, "write"), (data,)).map(drop)
    }
}
