//! The program itself, part by part.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Instant;

use aya::maps::{MapData, RingBuf};
use nkview::probe::object::{Maps, Object, Program, Sizes};
use nkview::sys;
use probe_common::{Attachment, LinkLayer, PacketEvent, Settings, limits, verdict};

use crate::assembler::Code;
use crate::machine::median;
use crate::packets;
use crate::reader::Reader;
use crate::rounds::{Case, Place, Processors};

const ROUNDS: usize = 31;
const REPEAT: u32 = 100_000;
/// Packets of a round in which each has an event: all of them fit the ring.
const EVENTS: u32 = 20_000;
/// Flows that are new.
const FIRST: u16 = 20_000;

/// A copy of the program, what it lives on, and the ring.
struct Loaded {
    program: Program,
    maps: Maps,
    ring: RingBuf<MapData>,
    /// Instructions that the verifier followed.
    verified: u32,
}

/// Which packets get an event.
enum Events {
    None,
    First,
    All,
}

impl Loaded {
    fn new(flows: u32, ring: u32, events: &Events) -> Self {
        let (object, mut maps, ring) = Object::new(Sizes { flows, ring }).unwrap();
        let settings = Settings {
            // Not that which the budgets of a new map are for.
            epoch: 2,
            events: if matches!(events, Events::First) {
                u32::MAX
            } else {
                0
            },
            samples: 0,
            moved: 0,
            every_packet: u32::from(matches!(events, Events::All)),
            push_down: 0,
        };
        maps.set_settings(settings).unwrap();
        let identity = Attachment {
            device: 0,
            direction: 0,
            verdict: verdict::NEXT,
            link_layer: LinkLayer::Ethernet as u32,
        };
        let info = sys::program_info(object.counting()).unwrap();
        Self {
            program: object.load(identity).unwrap(),
            maps,
            ring,
            verified: info.verified_instructions,
        }
    }

    /// With a ring that takes the events of a round, whoever else sends some.
    fn roomy(processors: &Processors) -> Self {
        let event = size_of::<PacketEvent>() + 8;
        let bytes = EVENTS as usize * event * processors.count() * 4;
        let ring = bytes.next_power_of_two().try_into().unwrap();
        Self::new(1024, ring, &Events::All)
    }

    fn drain(&mut self) {
        while self.ring.next().is_some() {}
    }

    fn lost(&self) -> u64 {
        lost(&self.maps)
    }
}

fn lost(maps: &Maps) -> u64 {
    let index = limits::totals_index(0, 0, 0);
    maps.totals(index).unwrap().lost
}

/// `return -1`.
pub fn empty() -> OwnedFd {
    let mut code = Code::default();
    code.returns(verdict::NEXT);
    sys::load_program("empty", code.instructions(), c"GPL").unwrap()
}

/// Every packet has an event, and the ring is emptied between the rounds.
fn emptied(processors: &Processors) -> Case {
    let loaded = Loaded::roomy(processors);
    let program = loaded.program.as_fd().try_clone_to_owned().unwrap();
    let loaded = Rc::new(RefCell::new(loaded));
    let lost_before = Rc::new(Cell::new(0));
    let (theirs, before) = (Rc::clone(&loaded), Rc::clone(&lost_before));
    let name = "counting TCP, and an event a packet";
    Case {
        before: Box::new(move || {
            theirs.borrow_mut().drain();
            before.set(theirs.borrow().lost());
        }),
        is_good: Box::new(move || loaded.borrow().lost() == lost_before.get()),
        ..Case::new(name, program, packets::tcp_v4, EVENTS)
    }
}

/// Every packet has an event, and a reader takes them while they are written.
fn read(processors: &Processors) -> Case {
    let Loaded {
        program,
        maps,
        ring,
        ..
    } = Loaded::roomy(processors);
    let reader = Rc::new(Reader::start(ring, processors.clone()));
    let theirs = Rc::clone(&reader);
    let lost_before = Rc::new(Cell::new(0));
    let maps = Rc::new(maps);
    let (before, before_maps) = (Rc::clone(&lost_before), Rc::clone(&maps));
    let name = "the same, and a reader takes them meanwhile";
    Case {
        before: Box::new(move || {
            before.set(lost(&before_maps));
            theirs.work();
        }),
        is_good: Box::new(move || {
            reader.rest();
            lost(&maps) == lost_before.get()
        }),
        ..Case::new(name, program, packets::tcp_v4, EVENTS)
    }
}

/// Prints what a packet of a known flow costs.
pub fn table(processors: &Processors) {
    let start = Instant::now();
    let counting = Loaded::new(1024, 1 << 20, &Events::None);
    let loading = start.elapsed();
    println!(
        "making the maps and loading took {:.1} ms; the verifier followed {} instructions\n",
        loading.as_secs_f64() * 1e3,
        counting.verified
    );
    let full = Loaded::new(1024, 1 << 12, &Events::All);
    let case = |name, loaded: &Loaded, packet| Case::new(name, &loaded.program, packet, REPEAT);
    let empty = Case::new(
        "a program that does nothing",
        empty(),
        packets::tcp_v4,
        REPEAT,
    );
    let cases = [
        empty,
        case("counting TCP over IPv4", &counting, packets::tcp_v4),
        case("counting UDP over IPv6", &counting, packets::udp_v6),
        case(
            "counting VLAN, extension header, UDP",
            &counting,
            packets::vlan,
        ),
        case("counting ARP", &counting, packets::arp),
        emptied(processors),
        read(processors),
        case("the same, and the ring is full", &full, packets::tcp_v4),
    ];
    let medians = processors.medians(&cases, &Place::ALL, ROUNDS);
    println!(
        "| ns a packet | one CPU | {0} CPUs, own flows | {0} CPUs, one flow |\n|---|---|---|---|",
        processors.count()
    );
    for (Case { name, .. }, times) in cases.iter().zip(medians) {
        println!(
            "| {name} | {:.0} | {:.0} | {:.0} |",
            times[0], times[1], times[2]
        );
    }
}

/// Prints what the first packet of a flow costs: one packet a call, so that the
/// clock's own cost is in each figure, also in that of the empty program.
pub fn first_packets() {
    let flows = u32::from(FIRST) * 2;
    let quiet = Loaded::new(flows, 1 << 12, &Events::None);
    let mut telling = Loaded::new(flows, 1 << 20, &Events::First);
    let empty = empty();
    let mut times = [const { Vec::new() }; 4];
    for port in 0..FIRST {
        let packet = packets::tcp_v4_port(1, port);
        telling.drain();
        let programs = [
            empty.as_fd(),
            quiet.program.as_fd(),
            quiet.program.as_fd(),
            telling.program.as_fd(),
        ];
        for (program, times) in programs.into_iter().zip(&mut times) {
            let run = sys::test_run(program, &packet, 1).unwrap();
            times.push(run.duration.as_nanos());
        }
    }
    let totals = telling.maps.totals(limits::totals_index(0, 0, 0)).unwrap();
    // What finds no room in a table that is not fitted to so many has no event.
    let seen = totals.events + totals.untracked_packets;
    assert_eq!(seen, u64::from(FIRST), "events of first packets");
    let [empty, first, second, told] = times.map(|mut times| median(&mut times));
    println!(
        "\n| ns, one packet a call | one CPU |\n|---|---|\n\
         | a program that does nothing | {empty} |\n\
         | a flow's second packet | {second} |\n\
         | a flow's first packet | {first} |\n\
         | a flow's first packet, with its event | {told} |"
    );
}
