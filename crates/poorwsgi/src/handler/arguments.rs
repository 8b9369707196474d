//! The arguments of a function, made from the request.

use std::future::Future;

use super::marker;
use crate::error::{Error, Result};
use crate::extract::{FromRequest, FromRequestParts, RequiredStates};
use crate::request::Request;

/// All arguments of a function, as a tuple. `Via` says how the last argument is made.
pub trait ArgumentList<Via>: Sized + Send + 'static {
    /// Whether the arguments are made without waiting.
    const IS_READY: bool;
    /// Whether the last argument reads the body.
    const READS_BODY: bool;

    /// Names the states that the arguments are made of.
    fn required_states(required: &mut RequiredStates);

    /// Makes the arguments, from left to right.
    fn extract(request: Request) -> impl Future<Output = Result<Self>> + Send;
}

impl ArgumentList<marker::ViaParts> for () {
    const IS_READY: bool = true;
    const READS_BODY: bool = false;

    fn required_states(_: &mut RequiredStates) {}

    async fn extract(_: Request) -> Result<Self> {
        Ok(())
    }
}

macro_rules! arguments {
    ($($first:ident)*, $last:ident) => {
        #[diagnostic::do_not_recommend]
        impl<Via, $($first,)* $last> ArgumentList<Via> for ($($first,)* $last,)
        where
            $($first: FromRequestParts + Send + 'static,)*
            $last: FromRequest<Via> + Send + 'static,
        {
            const IS_READY: bool = $(<$first as FromRequestParts>::IS_READY &&)* <$last as FromRequest<Via>>::IS_READY;
            const READS_BODY: bool = <$last as FromRequest<Via>>::READS_BODY;

            fn required_states(required: &mut RequiredStates) {
                $(<$first as FromRequestParts>::required_states(required);)*
                <$last as FromRequest<Via>>::required_states(required);
            }

            #[allow(non_snake_case, reason = "each value has the name of its type")]
            async fn extract(request: Request) -> Result<Self> {
                $(let $first = $first::from_request_parts(&request).await.map_err(Into::<Error>::into)?;)*
                let $last =
                    <$last as FromRequest<Via>>::from_request(request).await.map_err(Into::<Error>::into)?;
                Ok(($($first,)* $last,))
            }
        }
    };
}

arguments! { , A1 }
arguments! { A1, A2 }
arguments! { A1 A2, A3 }
arguments! { A1 A2 A3, A4 }
arguments! { A1 A2 A3 A4, A5 }
arguments! { A1 A2 A3 A4 A5, A6 }
arguments! { A1 A2 A3 A4 A5 A6, A7 }
arguments! { A1 A2 A3 A4 A5 A6 A7, A8 }
