//! Other views of one request: those of tower services.

use std::sync::{Arc, OnceLock};

use poorwsgi_core::response::Body;

use super::attached::Attached;
use super::{Extras, Request, lock};

impl Extras {
    /// Makes extras that share the attached values of another view of the same request.
    pub(super) fn sharing(attached: Arc<Attached>) -> OnceLock<Box<Self>> {
        Box::new(Extras { attached: attached.into(), ..Extras::default() }).into()
    }
}

impl Request {
    /// Converts the request to the type of the `http` crate, with its unread body and all values that hooks
    /// have attached.
    pub(crate) fn to_http(&self) -> http::Request<Body> {
        let mut request = http::Request::from_parts(self.head().parts().clone(), self.take_body());
        let extensions = request.extensions_mut();
        if let Some(connection) = self.connection() {
            extensions.insert(*connection);
        }
        extensions.extend(lock(&self.attached().values).clone());
        extensions.insert(Arc::clone(self.attached()));
        request
    }
}
