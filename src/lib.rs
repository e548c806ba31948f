//! Keeps what people may do in a Logto tenant equal to what they paid for.

pub mod config;
pub mod http;
pub mod model;
pub mod secret;
