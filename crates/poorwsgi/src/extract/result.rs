//! Arguments as a `Result`, for handlers that handle their errors themselves.

use std::convert::Infallible;

use super::{FromRequest, FromRequestParts, RequiredStates};
use crate::request::Request;

#[diagnostic::do_not_recommend]
impl<T: FromRequestParts> FromRequestParts for Result<T, T::Rejection> {
    type Rejection = Infallible;
    const IS_READY: bool = <T as FromRequestParts>::IS_READY;

    async fn from_request_parts(request: &Request) -> Result<Self, Infallible> {
        Ok(T::from_request_parts(request).await)
    }

    fn required_states(required: &mut RequiredStates) {
        <T as FromRequestParts>::required_states(required);
    }
}

#[diagnostic::do_not_recommend]
impl<T: FromRequest> FromRequest for Result<T, T::Rejection> {
    type Rejection = Infallible;

    async fn from_request(request: Request) -> Result<Self, Infallible> {
        Ok(<T as FromRequest>::from_request(request).await)
    }

    fn required_states(required: &mut RequiredStates) {
        <T as FromRequest>::required_states(required);
    }
}
