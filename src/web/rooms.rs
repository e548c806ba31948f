//! Room for connections: none of it can be taken by strangers alone.
//!
//! Most of the room is for whoever comes, a share for each address. Whoever comes when that is taken gets one of the
//! last seats, where only health is answered and whoever shows the token; the oldest of them leaves when another one
//! comes, so that nobody waits outside. Whoever has shown the token there has a seat that nobody else can take.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Seats for whoever comes.
const SEATS: usize = 256;
/// So many of them for one address.
const SHARE: usize = 64;
/// The last seats, for when no other is free.
const LAST: usize = 32;
/// Seats for those who have shown the token on one of the last.
const KNOWN: usize = 64;

/// All the room there is.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    seats: usize,
    of_address: BTreeMap<IpAddr, usize>,
    /// The oldest first.
    last: VecDeque<(u64, Arc<Notify>)>,
    known: usize,
    /// The next number.
    next: u64,
}

/// Who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visitor {
    /// Whoever has this address, which is one of a household.
    Client(IpAddr),
    /// A trusted proxy, by which many come: no share bounds it, but each of those for whom it asks has one.
    Proxy,
}

impl Visitor {
    pub(super) fn client(address: IpAddr) -> Self {
        Self::Client(household(address))
    }
}

/// Where a connection sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Among all.
    Open(Visitor),
    /// On one of the last seats.
    Last(u64),
    /// Among those who showed the token.
    Known,
    /// It is free again.
    Nowhere,
}

/// The room of one connection, which is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Seat {
    rooms: Arc<Rooms>,
    place: Mutex<Place>,
    leave: Arc<Notify>,
}

/// An address as shares go by it: whoever has one of IPv6 has all of its network.
pub(super) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Rooms {
    /// A seat for a connection. There always is one.
    pub(super) fn seat(self: &Arc<Self>, visitor: Visitor) -> Seat {
        let leave = Arc::<Notify>::default();
        let mut taken = lock(&self.0);
        let place = if taken.seats < SEATS && taken.has_share(visitor) {
            taken.seats += 1;
            taken.take_share(visitor);
            Place::Open(visitor)
        } else {
            if taken.last.len() >= LAST
                && let Some((_, oldest)) = taken.last.pop_front()
            {
                oldest.notify_one();
            }
            let number = taken.next;
            taken.next += 1;
            taken.last.push_back((number, Arc::clone(&leave)));
            Place::Last(number)
        };
        drop(taken);
        Seat { rooms: Arc::clone(self), place: Mutex::new(place), leave }
    }
}

impl Taken {
    fn has_share(&self, visitor: Visitor) -> bool {
        match visitor {
            Visitor::Client(address) => self.of_address.get(&address).is_none_or(|share| *share < SHARE),
            Visitor::Proxy => true,
        }
    }

    fn take_share(&mut self, visitor: Visitor) {
        if let Visitor::Client(address) = visitor {
            *self.of_address.entry(address).or_default() += 1;
        }
    }

    fn give_share_back(&mut self, visitor: Visitor) {
        let Visitor::Client(address) = visitor else { return };
        let left = self.of_address.remove(&address).unwrap_or_default().saturating_sub(1);
        if left > 0 {
            self.of_address.insert(address, left);
        }
    }
}

impl Seat {
    /// Whoever sits here asks for the client of this address by now, which a trusted proxy may do for many in turn.
    /// Whether that client has not more than a share.
    pub(super) fn asks_for(&self, client: IpAddr) -> bool {
        let client = Visitor::client(client);
        let mut place = lock(&self.place);
        let Place::Open(before) = *place else { return true };
        if before == client {
            return true;
        }
        let mut taken = lock(&self.rooms.0);
        taken.give_share_back(before);
        let has = taken.has_share(client);
        let now = if has { client } else { Visitor::Proxy };
        taken.take_share(now);
        *place = Place::Open(now);
        has
    }

    /// Whether it is one of the last.
    pub(super) fn is_last(&self) -> bool {
        matches!(*lock(&self.place), Place::Last(_))
    }

    /// Whoever sits here has shown the token: if it is one of the last seats, another one is found.
    pub(super) fn know(&self) {
        let mut place = lock(&self.place);
        let Place::Last(number) = *place else { return };
        let mut taken = lock(&self.rooms.0);
        if taken.known < KNOWN
            && let Some(at) = taken.last.iter().position(|(other, _)| *other == number)
        {
            taken.last.remove(at);
            taken.known += 1;
            *place = Place::Known;
        }
    }

    /// Returns when somebody else needs the seat.
    pub(super) async fn is_needed(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let place = std::mem::replace(&mut *lock(&self.place), Place::Nowhere);
        let mut taken = lock(&self.rooms.0);
        match place {
            Place::Open(visitor) => {
                taken.seats -= 1;
                taken.give_share_back(visitor);
            }
            Place::Last(number) => taken.last.retain(|(other, _)| *other != number),
            Place::Known => taken.known -= 1,
            Place::Nowhere => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: usize) -> IpAddr {
        IpAddr::from([192, 0, 2, u8::try_from(last).unwrap()])
    }

    fn client(last: usize) -> Visitor {
        Visitor::client(address(last))
    }

    #[test]
    fn nobody_takes_more_than_a_share_and_all_is_free_again() {
        let rooms = Arc::<Rooms>::default();
        let one: Vec<Seat> = (0..SHARE + 5).map(|_| rooms.seat(client(1))).collect();
        assert_eq!(one.iter().filter(|seat| seat.is_last()).count(), 5);
        assert!(!rooms.seat(client(2)).is_last(), "others have room");
        let all: Vec<Seat> =
            (2..6).flat_map(|other| (0..SHARE).map(move |_| other)).map(|other| rooms.seat(client(other))).collect();
        assert_eq!(all.iter().filter(|seat| !seat.is_last()).count(), SEATS - SHARE);
        assert!(rooms.seat(client(9)).is_last(), "no room is left but the last");
        drop((one, all));
        let taken = lock(&rooms.0);
        assert_eq!((taken.seats, taken.known, taken.last.len(), taken.of_address.len()), (0, 0, 0, 0));
    }

    #[test]
    fn a_proxy_has_no_share_but_the_room_that_there_is() {
        let rooms = Arc::<Rooms>::default();
        let proxy: Vec<Seat> = (0..SEATS).map(|_| rooms.seat(Visitor::Proxy)).collect();
        assert!(proxy.iter().all(|seat| !seat.is_last()));
        assert!(rooms.seat(Visitor::Proxy).is_last() && rooms.seat(client(1)).is_last());
        drop(proxy);
        let taken = lock(&rooms.0);
        assert_eq!((taken.seats, taken.of_address.len()), (0, 0));
    }

    #[test]
    fn whoever_a_proxy_asks_for_has_a_share() {
        let rooms = Arc::<Rooms>::default();
        let proxy: Vec<Seat> = (0..SHARE + 2).map(|_| rooms.seat(Visitor::Proxy)).collect();
        assert_eq!(proxy.iter().filter(|seat| seat.asks_for(address(1))).count(), SHARE);
        assert!(!proxy[SHARE + 1].asks_for(address(1)) && proxy[SHARE + 1].asks_for(address(2)), "others have room");
        assert!(proxy[0].asks_for(address(3)), "one connection may ask for many in turn");
        assert!(proxy[SHARE].asks_for(address(1)), "which leaves room");
        drop(proxy);
        let taken = lock(&rooms.0);
        assert_eq!((taken.seats, taken.of_address.len()), (0, 0));
    }

    #[tokio::test]
    async fn the_oldest_of_the_last_makes_room_but_for_who_is_known() {
        let rooms = Arc::<Rooms>::default();
        let _all: Vec<Seat> = (0..SHARE).map(|_| rooms.seat(client(1))).collect();
        let mut last: VecDeque<Seat> = (0..LAST).map(|_| rooms.seat(client(1))).collect();
        last[0].know();
        assert!(!last[0].is_last());
        // One seat has become free by that, so that the second one after this needs another's.
        last.push_back(rooms.seat(client(1)));
        last.push_back(rooms.seat(client(1)));
        let leaves = tokio::time::timeout(std::time::Duration::from_secs(30), last[1].is_needed()).await;
        assert!(leaves.is_ok(), "the oldest of the last leaves");
        let stays = tokio::time::timeout(std::time::Duration::from_millis(1), last[0].is_needed()).await;
        assert!(stays.is_err(), "whoever is known stays");
        drop(last);
        let taken = lock(&rooms.0);
        assert_eq!((taken.known, taken.last.len()), (0, 0));
    }

    #[test]
    fn one_network_is_one_household() {
        let v6 = |text: &str| household(text.parse().unwrap());
        assert_eq!(v6("2001:db8:1:2:3:4:5:6"), v6("2001:db8:1:2::1"));
        assert_ne!(v6("2001:db8:1:2::1"), v6("2001:db8:1:3::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), address(1));
        assert_ne!(address(1), address(2));
    }
}
