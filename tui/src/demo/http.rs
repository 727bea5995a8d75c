//! A web server whose pages are as long as their path requests, and its clients.

use std::io;
use std::net::IpAddr;

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, sink,
};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::stage::millis;
use super::tcp;

/// Bytes of a head at most; a longer one ends the conversation.
const HEAD_MAX: u64 = 4096;
/// The longest page in bytes.
const PAGE_MAX: usize = 1 << 20;

/// The head of a request for a page of this size in bytes.
fn request(host: IpAddr, bytes: usize) -> String {
    let host = match host {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    format!("GET /pages/{bytes} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: nkview-demo\r\n\r\n")
}

/// How many bytes a request asks for.
fn requested(line: &str) -> Option<usize> {
    let path = line.strip_prefix("GET ")?.split(' ').next()?;
    let bytes = path.strip_prefix("/pages/")?.parse().ok()?;
    (bytes <= PAGE_MAX).then_some(bytes)
}

/// Answers requests until the visitor hangs up.
///
/// # Errors
/// The connection's.
pub async fn answer(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(line) = head(&mut stream).await? {
        let (status, bytes) = match requested(&line) {
            Some(bytes) => ("200 OK", bytes),
            None => ("404 Not Found", 0),
        };
        let mut response = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
        )
        .into_bytes();
        response.resize(response.len() + bytes, b'.');
        stream.write_all(&response).await?;
    }
    Ok(())
}

/// Connects, looks at some pages with a little time to read each, and hangs up.
///
/// # Errors
/// The connection's.
pub async fn visit(from: IpAddr, to: IpAddr, port: u16, pages: usize) -> io::Result<()> {
    let mut stream = BufReader::new(tcp::connect(from, to, port).await?);
    for page in 0..pages {
        if page > 0 {
            sleep(millis(100..900)).await;
        }
        // Many small pages and few long ones: 0.25 to 32 KiB.
        let bytes = (1 << fastrand::u32(8..15)) + fastrand::usize(0..1 << 8);
        let request = request(to, bytes);
        stream.write_all(request.as_bytes()).await?;
        if head(&mut stream).await?.is_none() {
            break;
        }
        copy(&mut (&mut stream).take(bytes as u64), &mut sink()).await?;
    }
    stream.shutdown().await
}

/// Reads a head and returns its first line, or nothing when the other end has
/// hung up.
async fn head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut head = stream.take(HEAD_MAX);
    let mut first = String::new();
    if head.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    loop {
        line.clear();
        match head.read_line(&mut line).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if line == "\r\n" => return Ok(Some(first)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
