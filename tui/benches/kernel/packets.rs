//! Packets to be counted. `host` makes one of another flow.

fn ethernet(ether_type: u16) -> Vec<u8> {
    let mut packet = vec![2; 12];
    packet.extend(ether_type.to_be_bytes());
    packet
}

/// A segment without data, of a flow of the given port.
pub fn tcp_v4_port(host: u8, port: u16) -> Vec<u8> {
    let mut packet = ethernet(0x0800);
    packet.extend([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0]);
    packet.extend([10, 0, 0, host, 10, 0, 0, 2]);
    packet.extend(port.to_be_bytes());
    packet.extend([1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0, 1, 0, 0, 0, 0, 0]);
    packet
}

pub fn tcp_v4(host: u8) -> Vec<u8> {
    tcp_v4_port(host, 40_000)
}

pub fn udp_v6(host: u8) -> Vec<u8> {
    let mut packet = ethernet(0x86dd);
    packet.extend([0x60, 0, 0, 0, 0, 8, 17, 64]);
    packet.extend([0xfd; 31]);
    packet.push(host);
    packet.extend([0x30, 0x39, 0x40, 0, 0, 8, 0, 0]);
    packet
}

pub fn vlan(host: u8) -> Vec<u8> {
    let mut packet = ethernet(0x8100);
    packet.extend([0, 5, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 16, 60, 64]);
    packet.extend([0xfd; 31]);
    packet.push(host);
    packet.extend([17, 0, 0, 0, 0, 0, 0, 0]);
    packet.extend([0x30, 0x39, 0x40, 0, 0, 8, 0, 0]);
    packet
}

pub fn arp(host: u8) -> Vec<u8> {
    let mut packet = ethernet(0x0806);
    packet.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    packet.extend([2; 9]);
    packet.push(host);
    packet.extend([2; 10]);
    packet
}

/// Packets of many flows.
pub struct Stream {
    packet: Vec<u8>,
    /// The next sequence number of each flow; nothing for UDP.
    sequences: Option<Vec<u32>>,
}

/// Bytes of data in a TCP segment of a stream.
const DATA: u32 = 100;

impl Stream {
    pub fn udp() -> Self {
        let mut packet = ethernet(0x0800);
        packet.extend([0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0]);
        packet.extend([10, 0, 0, 0, 10, 255, 0, 2]);
        packet.extend([0x30, 0x39, 0x40, 0, 0, 8, 0, 0]);
        Self {
            packet,
            sequences: None,
        }
    }

    /// Data, each segment behind the one before.
    pub fn tcp() -> Self {
        let mut packet = tcp_v4(0);
        packet[17] = 40 + DATA as u8;
        packet.resize(packet.len() + DATA as usize, 0);
        Self {
            packet,
            sequences: Some(Vec::new()),
        }
    }

    /// The next packet of the flow with this number.
    pub fn packet(&mut self, flow: u32) -> &[u8] {
        let source = (10 << 24) + flow;
        self.packet[26..30].copy_from_slice(&source.to_be_bytes());
        if let Some(sequences) = &mut self.sequences {
            let flow = flow as usize;
            if sequences.len() <= flow {
                sequences.resize(flow + 1, 1);
            }
            self.packet[38..42].copy_from_slice(&sequences[flow].to_be_bytes());
            sequences[flow] += DATA;
        }
        &self.packet
    }
}
