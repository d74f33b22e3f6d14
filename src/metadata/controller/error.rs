//! An error code with a text, as responses carry them.

use crate::config::InvalidValue;
use crate::protocol::error_code::ErrorCode;

/// Why a part of a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Kafka's code.
    pub code: ErrorCode,
    /// The text sent with it.
    pub message: String,
}

impl ApiError {
    /// A code with a text of its own.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// A code with the text that explains it in general.
    pub(super) fn bare(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.to_string(),
        }
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidRequest, message)
    }

    pub(super) fn invalid_config(error: &InvalidValue) -> Self {
        Self::new(ErrorCode::InvalidConfig, error.to_string())
    }
}

/// Number and text of a result.
pub(super) fn code_and_message(result: &Result<(), ApiError>) -> (i16, Option<String>) {
    match result {
        Ok(()) => (ErrorCode::None.code(), None),
        Err(error) => (error.code.code(), Some(error.message.clone())),
    }
}

/// More records than one operation may write.
pub(super) fn too_many_records() -> ApiError {
    let message = "Unable to perform excessively large batch operation.";
    ApiError::new(ErrorCode::PolicyViolation, message)
}
