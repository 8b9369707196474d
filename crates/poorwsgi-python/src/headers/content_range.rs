//! The value of a `Content-Range` field.

use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString, PyTuple};

use crate::names::Made;

/// The value of a Content-Range header; str() returns the text of the header.
///
/// start and end are the first and the last position that are sent; full is the length of the whole
/// representation, "*" if it is not known; units is the range unit.
///
///     >>> str(ContentRange(1, 2, 10))
///     'bytes 1-2/10'
#[pyclass(subclass, dict, weakref, module = "poorwsgi.headers")]
pub(crate) struct ContentRange {
    // Any object is accepted, because only its str() is written.
    /// The first position that is sent.
    #[pyo3(get, set)]
    start: Py<PyAny>,
    /// The last position that is sent.
    #[pyo3(get, set)]
    end: Py<PyAny>,
    /// The length of the whole representation, or "*".
    #[pyo3(get, set)]
    full: Py<PyAny>,
    /// The range unit.
    #[pyo3(get, set)]
    units: Py<PyAny>,
    made: Made,
}

/// The fields, and further attributes that Python code has set.
type PickledState<'py> = ([Py<PyAny>; 4], Bound<'py, PyAny>);

#[pymethods]
impl ContentRange {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(start=0, end=0, full='*', units='bytes')")]
    fn new(py: Python<'_>, _args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        let zero = PyInt::new(py, 0).into_any();
        ContentRange {
            start: zero.clone().unbind(),
            end: zero.unbind(),
            full: PyString::intern(py, "*").into_any().unbind(),
            units: PyString::intern(py, "bytes").into_any().unbind(),
            made: Made::default(),
        }
    }

    #[pyo3(signature = (start = None, end = None, full = None, units = None))]
    fn __init__(
        &mut self,
        start: Option<Py<PyAny>>,
        end: Option<Py<PyAny>>,
        full: Option<Py<PyAny>>,
        units: Option<Py<PyAny>>,
    ) {
        let fields = [&mut self.start, &mut self.end, &mut self.full, &mut self.units];
        for (field, value) in fields.into_iter().zip([start, end, full, units]) {
            if let Some(value) = value {
                *field = value;
            }
        }
    }

    fn __str__(&self, py: Python<'_>) -> String {
        let ContentRange { start, end, full, units, .. } = self;
        format!("{} {}-{}/{}", units.bind(py), start.bind(py), end.bind(py), full.bind(py))
    }

    /// The state for copy and pickle.
    fn __getstate__<'py>(this: &Bound<'py, Self>) -> PyResult<PickledState<'py>> {
        let py = this.py();
        let range = this.try_borrow()?;
        let fields = [&range.start, &range.end, &range.full, &range.units].map(|field| field.clone_ref(py));
        Ok((fields, this.getattr("__dict__")?))
    }

    fn __setstate__(this: &Bound<'_, Self>, state: PickledState<'_>) -> PyResult<()> {
        let ([start, end, full, units], attributes) = state;
        this.try_borrow_mut()?.__init__(Some(start), Some(end), Some(full), Some(units));
        this.getattr("__dict__")?.cast::<PyDict>()?.update(attributes.cast::<PyDict>()?.as_mapping())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        for held in [&self.start, &self.end, &self.full, &self.units] {
            visit.call(held)?;
        }
        Ok(())
    }

    fn __clear__(&mut self, py: Python<'_>) {
        for held in [&mut self.start, &mut self.end, &mut self.full, &mut self.units] {
            *held = py.None();
        }
    }
}
