//! What a file callback's file is given: all of an upload in its order, and what it says itself ends the form
//! unchanged.
#![no_main]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::form::{FieldStorage, FormError, FormFile, FormOptions, FormReader, WriteOnly};
use poorwsgi_fuzz::pieces;

/// Both the files of a form and what they were given: a name begins each.
#[derive(Clone, Default)]
struct Files {
    seen: Arc<Mutex<Vec<(String, Vec<u8>)>>>,
    /// How many bytes a file takes at once.
    at_once: usize,
    /// After how many bytes, of all files together, they fail; never where there is none.
    room: Arc<Mutex<Option<usize>>>,
}

const FAILS: io::ErrorKind = io::ErrorKind::StorageFull;

fn failure() -> io::Error {
    io::Error::new(FAILS, "the application's own")
}

impl Files {
    fn new(at_once: usize, room: Option<usize>) -> Self {
        Files { at_once: at_once.max(1), room: Arc::new(Mutex::new(room)), ..Files::default() }
    }

    fn seen(&self) -> Vec<(String, Vec<u8>)> {
        self.seen.lock().expect("one thread").clone()
    }

    fn data(&self) -> Vec<u8> {
        self.seen().into_iter().flat_map(|(_, data)| data).collect()
    }
}

impl Write for Files {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        assert!(!data.is_empty());
        let mut room = self.room.lock().expect("one thread");
        let taken = data.len().min(self.at_once).min(room.unwrap_or(usize::MAX));
        if taken == 0 {
            return Err(failure());
        }
        *room = room.map(|room| room - taken);
        let mut seen = self.seen.lock().expect("one thread");
        seen.last_mut().expect("a file was asked for").1.extend_from_slice(&data[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(body: impl Iterator<Item = Bytes>, files: &Files) -> Result<FieldStorage, FormError> {
    let callback = {
        let files = files.clone();
        move |name: &str| {
            files.seen.lock().expect("one thread").push((name.to_owned(), Vec::new()));
            Ok(Box::new(WriteOnly(files.clone())) as Box<dyn FormFile>)
        }
    };
    let options = FormOptions { file_callback: Some(Box::new(callback)), ..FormOptions::default() };
    let mut reader = FormReader::new("multipart/form-data; boundary=B", options)?;
    for piece in body {
        if let Err(error) = reader.push(piece) {
            assert!(reader.finish().is_err(), "half a form is none");
            return Err(error);
        }
    }
    reader.finish()
}

fuzz_target!(|input: &[u8]| {
    let Some(([at_once, high, low], input)) = input.split_first_chunk() else { return };
    let Some((body, split)) = pieces(input) else { return };
    let split: Vec<Bytes> = split.collect();

    let whole = Files::new(usize::MAX, None);
    let form = read(std::iter::once(body.clone()), &whole);
    let patient = Files::new((*at_once).into(), None);
    let again = read(split.iter().cloned(), &patient);
    assert_eq!(form.is_ok(), again.is_ok());
    if form.is_ok() {
        assert_eq!(whole.seen(), patient.seen());
    }
    assert!(whole.data().len() <= body.len());

    let room = u16::from_be_bytes([*high, *low]).into();
    let failing = Files::new((*at_once).into(), Some(room));
    let failed = read(split.into_iter(), &failing);
    let (expected, given) = (patient.data(), failing.data());
    if expected.len() <= room {
        assert_eq!((failed.is_ok(), given), (again.is_ok(), expected));
        return;
    }
    // Nothing before the error is lost, and nothing comes twice or after it.
    assert_eq!(given, expected[..room]);
    match failed {
        Err(FormError::File(error)) => {
            assert_eq!((error.kind(), error.to_string()), (FAILS, failure().to_string()));
        }
        other => panic!("the callback's error became {other:?}"),
    }
});
