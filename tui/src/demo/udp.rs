//! A call, and messages to a port without a listener.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context;
use tokio::net::UdpSocket;
use tokio::time::{MissedTickBehavior, interval};

/// Bytes of the RTP header (RFC 3550, 5.1).
const RTP_HEADER: usize = 12;
/// How much speech is in a packet,
const LENGTH: Duration = Duration::from_millis(40);
/// and its bytes (G.711: 8000 a second).
const SPEECH: usize = 320;

/// Opens one end of a call, and returns what talks and listens for ever: 25
/// packets a second each way.
///
/// # Errors
/// The address cannot be bound.
pub async fn call(from: IpAddr, to: IpAddr, port: u16) -> anyhow::Result<impl Future<Output = ()>> {
    let open = async {
        let socket = UdpSocket::bind((from, port)).await?;
        socket.connect((to, port)).await?;
        Ok::<_, io::Error>(socket)
    };
    let socket = open
        .await
        .with_context(|| format!("cannot open UDP port {port} of {from} in the demo"))?;
    Ok(async move {
        let mut packet = [0; RTP_HEADER + SPEECH];
        let mut received = packet;
        // Version 2; the payload's type is 0.
        packet[0] = 0x80;
        let mut ticks = interval(LENGTH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for sequence in 0u32.. {
            ticks.tick().await;
            packet[2..4].copy_from_slice(&(sequence as u16).to_be_bytes());
            packet[4..8].copy_from_slice(&sequence.wrapping_mul(SPEECH as u32).to_be_bytes());
            // The other end may not be there yet, or no longer.
            let _lost = socket.send(&packet).await;
            while socket.try_recv(&mut received).is_ok() {}
        }
    })
}

/// Sends one message to a port.
///
/// # Errors
/// The socket's; that there is no listener is not known yet.
pub async fn send(from: IpAddr, to: IpAddr, port: u16, message: &[u8]) -> io::Result<()> {
    let socket = UdpSocket::bind((from, 0)).await?;
    socket.send_to(message, (to, port)).await.map(drop)
}
