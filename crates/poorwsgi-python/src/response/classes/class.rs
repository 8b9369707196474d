//! What all classes of responses have in common.

/// Defines a subclass of `BaseResponse`. `__new__` accepts any arguments and `__init__` sets the values, so
/// that a Python subclass may take other arguments.
macro_rules! response_class {
    ($(#[$docs:meta])* $name:ident: $base:ty, $signature:literal) => {
        $(#[$docs])*
        #[pyclass(subclass, extends = $base, module = "poorwsgi.response")]
        #[derive(Default)]
        pub(crate) struct $name;

        impl $name {
            pub(crate) fn blank() -> PyClassInitializer<Self> {
                <$base>::initializer().add_subclass($name)
            }

            #[allow(dead_code, reason = "only classes that others stand on need it")]
            pub(crate) fn initializer() -> PyClassInitializer<Self> {
                Self::blank()
            }
        }

        #[pymethods]
        impl $name {
            #[new]
            #[pyo3(signature = (*_args, **_kwargs), text_signature = $signature)]
            fn new(
                _args: &Bound<'_, pyo3::types::PyTuple>,
                _kwargs: Option<&Bound<'_, pyo3::types::PyDict>>,
            ) -> PyClassInitializer<Self> {
                Self::blank()
            }
        }
    };
}
pub(super) use response_class;
