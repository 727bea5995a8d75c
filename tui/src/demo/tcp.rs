//! TCP connections and who takes them.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

/// Listens, and returns what holds a conversation on each connection for ever.
///
/// # Errors
/// The address cannot be listened on.
pub async fn serve<F>(
    local: IpAddr,
    port: u16,
    converse: impl Fn(TcpStream) -> F,
) -> anyhow::Result<impl Future<Output = ()>>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind((local, port))
        .await
        .with_context(|| format!("cannot listen on TCP port {port} of {local} in the demo"))?;
    Ok(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(converse(stream))),
                // For example out of file descriptors, which is temporary.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    })
}

/// Connects from an address to a service.
///
/// # Errors
/// The kernel's.
pub async fn connect(from: IpAddr, to: IpAddr, port: u16) -> io::Result<TcpStream> {
    let socket = match from {
        IpAddr::V4(_) => TcpSocket::new_v4(),
        IpAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    socket.bind(SocketAddr::from((from, 0)))?;
    let stream = socket.connect(SocketAddr::from((to, port))).await?;
    // Small messages are to be packets of their own.
    stream.set_nodelay(true)?;
    Ok(stream)
}
