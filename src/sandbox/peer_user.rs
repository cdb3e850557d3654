//! Whose process is at the other end of a connection on this machine, as Linux tells: each socket has a line in
//! `/proc/net/tcp` or `/proc/net/tcp6`, with the user that opened it.
//!
//! Where that cannot be told, the answer is `None`: on another system, for a peer in another network namespace, and for one
//! that is not on this machine. Reads a bounded part of each file, and waits for the system.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::process::geteuid;

/// The sockets of this network namespace; those of IPv6 may have addresses of IPv4.
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];
/// How much is read of a table, in bytes: some 100,000 sockets.
const MAX_BYTES: u64 = 16 * 1_024 * 1_024;
/// The state of a connection that is open in both directions, as the kernel writes it.
const ESTABLISHED: &str = "01";

/// The addresses at which this server accepts connections.
#[derive(Debug, Default)]
pub(crate) struct OwnAddresses(pub(crate) Vec<SocketAddr>);

impl OwnAddresses {
    /// Whether the process at the other end, at `peer`, belongs to the user of this process.
    #[must_use]
    pub(crate) fn is_own(&self, peer: SocketAddr) -> bool {
        peer.ip().to_canonical().is_loopback() && self.user_of(peer) == Some(geteuid().as_raw())
    }

    /// The user whose socket has `peer` as the address of its end, and this server at the other.
    fn user_of(&self, peer: SocketAddr) -> Option<u32> {
        let mut users = Vec::new();
        for path in TABLES {
            match File::open(path) {
                Ok(file) => users.extend(self.users_in(BufReader::new(file), peer)?),
                // A machine without IPv6.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(_) => return None,
            }
        }
        the_one_of(&users)
    }

    /// The users of the sockets in a table that are the other end of a connection from `peer` to this server; `None` if the
    /// table cannot be read to its end.
    ///
    /// Both ends count: another process can have the same address for a connection to another server, if it asks for it.
    fn users_in(&self, table: impl BufRead, peer: SocketAddr) -> Option<Vec<Option<u32>>> {
        let peer = canonical(peer);
        let mut users = Vec::new();
        let mut table = table.take(MAX_BYTES);
        let mut line = String::new();
        while table.read_line(&mut line).ok()? > 0 {
            if !line.ends_with('\n') && table.limit() == 0 {
                return None;
            }
            let is_it = |row: &Row| row.local == peer && self.0.iter().any(|own| canonical(*own) == row.remote);
            users.extend(Row::parse(&line).filter(is_it).map(|row| row.user));
            line.clear();
        }
        (table.limit() > 0).then_some(users)
    }
}

/// Two servers of this process may have the same peer. A socket without a user is nobody's.
fn the_one_of(users: &[Option<u32>]) -> Option<u32> {
    let (first, others) = users.split_first()?;
    first.filter(|_| others.iter().all(|other| other == first))
}

fn canonical(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip().to_canonical(), address.port())
}

/// A line of a table.
struct Row {
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    /// `None` unless the connection is open in both directions: who has closed one may have given the port to another.
    user: Option<u32>,
}

impl Row {
    /// `sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …`
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
        let is_open = fields.next()? == ESTABLISHED;
        let user = fields.nth(3).and_then(|user| user.parse().ok()).filter(|_| is_open);
        Some(Self { local, remote, user })
    }
}

/// `0100007F:1F90`: words of four bytes in the order of the processor, and the port as a number.
fn address(text: &str) -> Option<(IpAddr, u16)> {
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some((ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20FB 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000000000000 100 0 0 10 0
   1: 0100007F:D8A4 0100007F:20FB 01 00000000:00000000 02:000000A1 00000000  1001        0 42 2 0000000000000000 20 4 30 10 -1
   2: 0100007F:20FB 0100007F:D8A4 01 00000000:00000000 00:00000000 00000000  1000        0 43 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:D8A5 0100007F:20FB 06 00000000:00000000 03:00001763 00000000     0        0 0 3 0000000000000000
   4: 0100007F:D8A6 0100007F:20FB 01 00000000:00000000 00:00000000 00000000  1000        0 45 1 0000000000000000 20 4 30 10 -1
   5: 0100007F:D8A6 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1002        0 46 1 0000000000000000 20 4 30 10 -1
   6: 0100007F:D8A7 cut
   7: 0100007F:D8A8 0100007F:0050 01 00000000:00000000 00:00000000 00000000  1000        0 47 1 0000000000000000 20 4 30 10 -1
   8: 0100007F:D8A8 0100007F:20FB 05 00000000:00000000 00:00000000 00000000 65534        0 48 1 0000000000000000 20 4 30 10 -1
";
    const TCP6: &str = "  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:D8A4 00000000000000000000000001000000:20FB 01 00000000:00000000 00:00000000 00000000  1003        0 51 1 0000000000000000 20 4 30 10 -1
   1: 0000000000000000FFFF00000100007F:D8A9 0000000000000000FFFF00000100007F:20FB 01 00000000:00000000 00:00000000 00000000  1004        0 52 1 0000000000000000 20 4 30 10 -1
";

    fn server() -> OwnAddresses {
        OwnAddresses(["127.0.0.1:8443", "[::1]:8443"].map(|address| address.parse().unwrap()).into())
    }

    fn user(table: &str, peer: &str) -> Option<u32> {
        // The samples are of a machine whose processor writes the lowest byte first.
        the_one_of(&server().users_in(table.as_bytes(), peer.parse().unwrap()).unwrap())
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_line_of_the_peer_s_own_end_says_whose_it_is() {
        assert_eq!(user(TCP, "127.0.0.1:55460"), Some(1001), "and not 1000, of the server's end");
        assert_eq!(user(TCP6, "[::1]:55460"), Some(1003));
        // A server that listens on IPv6 sees peers of IPv4 with such an address, and a client may use one.
        assert_eq!(user(TCP6, "127.0.0.1:55465"), Some(1004));
        assert_eq!(user(TCP6, "[::ffff:127.0.0.1]:55465"), Some(1004));
        assert_eq!(user(TCP, "[::ffff:127.0.0.1]:55460"), Some(1001));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn two_users_may_have_one_address_to_different_servers() {
        assert_eq!(user(TCP, "127.0.0.1:55462"), Some(1000));
    }

    #[test]
    fn what_is_not_open_or_not_there_is_nobody_s() {
        for (peer, why) in [
            ("127.0.0.1:55461", "it waits for its end, and the kernel says 0 for its user"),
            ("127.0.0.1:55464", "it is closed in one direction, and another user has this address, to another server"),
            ("127.0.0.1:55463", "the line is cut"),
            ("127.0.0.1:1", "no line has it"),
            ("[::1]:55465", "another address has this port"),
        ] {
            assert_eq!(user(TCP, peer), None, "{peer}: {why}");
        }
    }

    #[test]
    fn a_table_that_is_too_long_says_nothing() {
        let line = TCP.lines().nth(2).unwrap();
        let long = format!("{line}\n").repeat(usize::try_from(MAX_BYTES).unwrap() / line.len() + 1);
        assert!(server().users_in(long.as_bytes(), "127.0.0.1:55460".parse().unwrap()).is_none());
        let endless = std::io::repeat(b'x');
        assert!(server().users_in(BufReader::new(endless), "127.0.0.1:55460".parse().unwrap()).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_connection_of_this_very_process_is_its_own() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (_server, peer) = listener.accept().unwrap();
            assert!(OwnAddresses(vec![listener.local_addr().unwrap()]).is_own(peer), "{peer}");
            assert!(!OwnAddresses(vec!["127.0.0.1:1".parse().unwrap()]).is_own(peer), "{peer}");
            drop(client);
        }
        assert!(!server().is_own("192.0.2.1:443".parse().unwrap()));
    }
}
