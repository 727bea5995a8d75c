//! Long transfers whose rate changes, so that a sparkline has a shape.

use std::f64::consts::TAU;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader, copy_buf, sink};
use tokio::net::TcpStream;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often something is sent: often enough for a picture a second, and seldom
/// enough to leave the processor alone.
const TICK: Duration = Duration::from_millis(100);
/// Bytes that are taken at once, some packets' worth.
const TAKEN: usize = 1 << 16;

/// A rate over time, in bytes a second.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Swings between a tenth of the peak and the peak.
    Wave {
        /// The highest rate.
        peak: f64,
        /// The time of a swing.
        period: Duration,
    },
    /// Rises from nothing to the peak and falls at once.
    Saw {
        /// The highest rate.
        peak: f64,
        /// The time of a rise.
        period: Duration,
    },
}

impl Shape {
    /// The rate at a time after the start.
    fn rate(self, elapsed: Duration) -> f64 {
        let phase = |period: Duration| (elapsed.as_secs_f64() / period.as_secs_f64()).fract();
        match self {
            Self::Wave { peak, period } => peak * (0.55 - 0.45 * (TAU * phase(period)).cos()),
            Self::Saw { peak, period } => peak * phase(period),
        }
    }

    /// The bytes of one tick; whole, so the rate is met but for a byte a tick.
    fn bytes(self, elapsed: Duration) -> usize {
        (self.rate(elapsed) * TICK.as_secs_f64()) as usize
    }
}

/// Sends for a while and hangs up.
///
/// # Errors
/// The connection's.
pub async fn send(mut stream: TcpStream, shape: Shape, length: Duration) -> io::Result<()> {
    let start = Instant::now();
    let mut ticks = interval(TICK);
    // What a slow moment has left out is not made up for in a burst.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut data = Vec::new();
    loop {
        ticks.tick().await;
        let elapsed = start.elapsed();
        if elapsed >= length {
            return stream.shutdown().await;
        }
        data.resize(shape.bytes(elapsed), 0);
        stream.write_all(&data).await?;
    }
}

/// Takes what comes until the other end hangs up.
///
/// # Errors
/// The connection's.
pub async fn receive(stream: TcpStream) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(TAKEN, stream);
    copy_buf(&mut stream, &mut sink()).await.map(drop)
}

#[cfg(test)]
mod tests;
