//! The world around the container: those who use its services, and the
//! services that it uses.

use std::time::Duration;

use super::bulk::{self, Shape};
use super::exchange::{self, Manner};
use super::network::{self, Network};
use super::ping::Pinger;
use super::stage::Stage;
use super::{DEVICE, cast, dns, http, tcp, udp};

/// Somebody types, and thinks.
const KEYSTROKES: Manner = Manner {
    bursts: 20..40,
    questions: 3..20,
    gap: 60..250,
    rest: 1000..4000,
    answer: 32..200,
};
const UPLOAD: Shape = Shape::Wave {
    peak: 900e3,
    period: Duration::from_secs(20),
};

/// Sets the stage.
///
/// # Errors
/// The kernel's.
pub async fn set(stage: &mut Stage) -> anyhow::Result<()> {
    let network = Network::connect()?;
    let addresses = stage.able(cast::outside());
    network.add_addresses(DEVICE, &addresses).await?;
    forget_neighbors(stage, network)?;
    serve(stage).await?;
    visit(stage);
    operate(stage)?;
    Ok(())
}

/// So that ARP and NDP can be seen more often than in a life of minutes.
fn forget_neighbors(stage: &mut Stage, network: Network) -> anyhow::Result<()> {
    let device = network::index(DEVICE)?;
    let neighbors = stage.able(cast::container());
    stage.repeat(3000..5000, async move || {
        for &neighbor in &neighbors {
            network.forget(device, neighbor).await;
        }
        Ok(())
    });
    Ok(())
}

async fn serve(stage: &mut Stage) -> anyhow::Result<()> {
    for resolver in stage.able(cast::RESOLVER) {
        stage.add(dns::serve(resolver).await?);
    }
    for database in stage.able(cast::DATABASE) {
        stage.add(tcp::serve(database, cast::DATABASE_PORT, exchange::answer).await?);
    }
    for backup in stage.able(cast::BACKUP) {
        stage.add(tcp::serve(backup, cast::FILES_PORT, bulk::receive).await?);
    }
    if let Some((phone, files)) = stage.pairs(cast::PHONE, cast::FILES).pop() {
        stage.add(udp::call(phone, files, cast::CALL_PORT).await?);
    }
    Ok(())
}

fn visit(stage: &mut Stage) {
    for visitor in stage.able(cast::VISITORS) {
        let [v4, v6] = cast::WEB;
        let web = if visitor.is_ipv4() { v4 } else { v6 };
        stage.repeat(200..2000, async move || {
            http::visit(visitor, web, cast::HTTP_PORT, fastrand::usize(1..8)).await
        });
    }
    for (camera, files) in stage.pairs(cast::CAMERA, cast::FILES) {
        stage.repeat(1000..2000, async move || {
            let stream = tcp::connect(camera, files, cast::FILES_PORT).await?;
            bulk::send(stream, UPLOAD, Duration::from_secs(90)).await
        });
    }
}

fn operate(stage: &mut Stage) -> anyhow::Result<()> {
    for (operator, web) in stage.pairs(cast::OPERATOR, cast::WEB) {
        stage.repeat(1000..3000, async move || {
            let stream = tcp::connect(operator, web, cast::SSH_PORT).await?;
            exchange::ask(stream, &KEYSTROKES).await
        });
        let mut small = Pinger::open(operator, web, 56)?;
        stage.repeat(500..501, async move || small.ping());
        let mut large = Pinger::open(operator, web, 1400)?;
        stage.repeat(2000..3000, async move || large.ping());
    }
    // Whether the web server still answers.
    for (gateway, web) in stage.pairs(cast::GATEWAY, cast::WEB) {
        stage.repeat(1000..1001, async move || {
            http::visit(gateway, web, cast::HTTP_PORT, 1).await
        });
    }
    Ok(())
}
