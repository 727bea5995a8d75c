//! The container's side: a web server and a file server, and what they ask of
//! others.

use std::time::Duration;

use super::bulk::{self, Shape};
use super::exchange::{self, Manner};
use super::network::{self, Network};
use super::ping::Pinger;
use super::stage::Stage;
use super::{CONTAINER_DEVICE, cast, dns, http, tcp, udp};

/// The web server's queries: quick, in bursts.
const QUERIES: Manner = Manner {
    bursts: 10..20,
    questions: 5..60,
    gap: 5..25,
    rest: 100..2000,
    answer: 100..2000,
};
const BACKUP: Shape = Shape::Saw {
    peak: 500e3,
    period: Duration::from_secs(15),
};

/// Sets the stage.
///
/// # Errors
/// The kernel's.
pub async fn set(stage: &mut Stage) -> anyhow::Result<()> {
    let network = Network::connect()?;
    network.set_up("lo").await?;
    network.set_up(CONTAINER_DEVICE).await?;
    let addresses = stage.able(cast::container());
    network.add_addresses(CONTAINER_DEVICE, &addresses).await?;
    serve(stage).await?;
    use_services(stage).await?;
    Ok(())
}

async fn serve(stage: &mut Stage) -> anyhow::Result<()> {
    for web in stage.able(cast::WEB) {
        stage.add(tcp::serve(web, cast::HTTP_PORT, http::answer).await?);
        stage.add(tcp::serve(web, cast::SSH_PORT, exchange::answer).await?);
    }
    for files in stage.able(cast::FILES) {
        stage.add(tcp::serve(files, cast::FILES_PORT, bulk::receive).await?);
    }
    if let Some((files, phone)) = stage.pairs(cast::FILES, cast::PHONE).pop() {
        stage.add(udp::call(files, phone, cast::CALL_PORT).await?);
    }
    Ok(())
}

async fn use_services(stage: &mut Stage) -> anyhow::Result<()> {
    for (web, resolver) in stage.pairs(cast::WEB, cast::RESOLVER) {
        stage.repeat(200..1500, async move || {
            dns::look_up(web, resolver, dns::any_name()).await
        });
    }
    for (web, database) in stage.pairs(cast::WEB, cast::DATABASE) {
        stage.repeat(200..1000, async move || {
            let stream = tcp::connect(web, database, cast::DATABASE_PORT).await?;
            exchange::ask(stream, &QUERIES).await
        });
    }
    for (files, backup) in stage.pairs(cast::FILES, cast::BACKUP) {
        stage.repeat(1000..3000, async move || {
            let stream = tcp::connect(files, backup, cast::FILES_PORT).await?;
            bulk::send(stream, BACKUP, Duration::from_secs(45)).await
        });
    }
    for (files, gateway) in stage.pairs(cast::FILES, cast::GATEWAY) {
        let mut pinger = Pinger::open(files, gateway, 56)?;
        stage.repeat(1000..1001, async move || pinger.ping());
    }
    let device = network::index(CONTAINER_DEVICE)?;
    for web in stage.able(cast::WEB) {
        let browser = dns::Browser::open(web, device).await?;
        stage.repeat(2000..4000, async move || browser.browse().await);
    }
    Ok(())
}
