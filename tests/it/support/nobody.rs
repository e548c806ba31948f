//! An address where nobody listens, for as long as it is held.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// A port that is bound and not listened on: a connection is refused, and no other test is given it.
///
/// A port that was bound and let go is anybody's, and among many tests somebody takes it.
pub(crate) struct Nobody {
    socket: TcpSocket,
}

impl Nobody {
    pub(crate) fn home() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // Who is told the address may listen there after all: a server asks for the same.
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        Self { socket }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address())
    }
}
