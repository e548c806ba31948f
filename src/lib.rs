//! Keeps what people may do in a Logto tenant equal to what they paid for.

pub mod config;
pub mod desired;
pub mod http;
pub mod limits;
pub mod model;
pub mod plan;
pub mod secret;
pub mod world;
