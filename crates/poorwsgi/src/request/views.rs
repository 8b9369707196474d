//! Other views of one request: those of tower services and layers, and of the handlers that they call.

use std::sync::{Arc, Mutex, OnceLock};

use http::request::Parts;
use poorwsgi_core::response::Body;

use super::attached::Attached;
use super::{Extras, Inner, Request};

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
        extensions.extend(self.attached().values());
        extensions.insert(Arc::clone(self.attached()));
        request
    }

    /// The same request, with the head and body that layers have made of [`to_http`](Self::to_http).
    pub(crate) fn layered(&self, parts: Parts, body: Body) -> Self {
        let Inner { shared, start_time, route, .. } = &*self.0;
        Request(Arc::new(Inner {
            head: self.head().with_parts(parts),
            shared: Arc::clone(shared),
            start_time: *start_time,
            route: route.clone(),
            body: Mutex::new(Some(body)),
            extras: Extras::sharing(Arc::clone(self.attached())),
        }))
    }
}
