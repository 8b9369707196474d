//! The constants of the engine, under PoorWSGI's names.

use poorwsgi_core::state;
use pyo3::prelude::*;

pub(crate) fn add_constants(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DECLINED", state::DECLINED)?;
    for (name, code) in state::STATUS_CONSTANTS {
        module.add(*name, code)?;
    }
    for method in state::Method::ALL {
        module.add(format!("METHOD_{method}"), state::MethodSet::from(*method).bits())?;
    }
    module.add("METHOD_GET_POST", state::METHOD_GET_POST.bits())?;
    module.add("METHOD_ALL", state::METHOD_ALL.bits())
}
