#pragma once
// All limits of the program with their reasons: the defaults of settings, and fixed bounds.
// Constants; any thread. Sizes are in bytes unless the name says what is counted; times carry their unit.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sallyport::limits {

using namespace std::chrono_literals;

// Command lines of a client. 4096 bytes hold PATH_MAX; before login no argument needs more than 512.
inline constexpr std::size_t max_command_line = 4096;
inline constexpr std::size_t max_command_line_before_login = 512;
// The third overlong line ends the session: it is no accident then.
inline constexpr int max_overlong_lines = 3;
// Command lines that are deferred while a transfer runs. With more, the connection is not read until the transfer has
// finished, so that replies keep the order of the commands.
inline constexpr std::size_t max_deferred_commands = 64;
// The same for their arguments (RX-03): some paths of the maximum length, as a client may defer lines during a transfer that
// it has stalled itself.
inline constexpr std::size_t max_deferred_bytes = 16 * 1024;
// Unparsed input per session: the size of one socket read.
inline constexpr std::size_t control_read_size = 8192;
// Telnet negotiations that are answered per session (IN-02); more of them are an attack.
inline constexpr int max_telnet_replies = 64;

// Replies of a server to the client and the gateway (CL-03): bytes per line, lines per reply, bytes per reply.
inline constexpr std::size_t max_reply_line = 8192;
inline constexpr std::size_t max_reply_lines = 1000;
inline constexpr std::size_t max_reply_bytes = 256 * 1024;

// A PROXY header, version 2: addresses take 36 bytes. Load balancers may append more, for example a client certificate.
inline constexpr std::size_t max_proxy_header = 4096;

// Virtual paths.
inline constexpr std::size_t max_path_bytes = 4096;
inline constexpr std::size_t max_path_components = 255;
inline constexpr std::size_t max_name_bytes = 255;

// Buffers of transfers that are larger than a transfer needs to make progress (RX-03), of all sessions together: enough for
// thirty large uploads at full speed. Further transfers use small buffers.
inline constexpr std::size_t large_buffer_memory = 32 * 1024 * 1024;
// A peer for which a transfer has waited this long at a time is slow: then the transfer returns the memory that it does not
// need. Longer than the round-trip times and retransmissions of a peer that makes good progress.
inline constexpr auto slow_peer_wait = 250ms;
// What is read or encrypted for a peer whose socket accepts no more: a quarter of a TLS record.
inline constexpr std::size_t small_piece = 4 * 1024;

// A directory with up to this many entries is listed in the order of names. A larger one is listed in the order of the
// disk, as sorting would need all entries in memory.
inline constexpr std::size_t max_sorted_entries = 4096;
// Names of a directory that are sorted at a time: a listing in the order of names reads the directory once for each such
// part. The larger size is leased from the large buffers.
inline constexpr std::size_t sorted_names_size = 512 * 1024;
inline constexpr std::size_t small_sorted_names_size = 8 * 1024;
// About how much of a listing is prepared before it is sent: large enough that switching threads does not matter. The
// smaller size, one batch of a directory at least, is used until the client has received some of the listing, if large
// buffers are short, and for a slow client.
inline constexpr std::size_t listing_block_size = 64 * 1024;
inline constexpr std::size_t small_listing_block_size = 4 * 1024;
// Threads that read one large directory in parallel: most of the work of a listing is one stat call per entry. Few enough
// that several listings at a time do not occupy the whole disk pool.
inline constexpr std::size_t listing_readers = 2;
// Blocks that are being read or are read ahead while a client receives them fast: enough to keep the readers busy while the
// event loop waits for a busy core.
inline constexpr std::size_t max_listing_blocks = 6;
// A client that has received this much of a listing without being slow is fast: more than what the buffers of the kernel
// hold for a client that reads nothing.
inline constexpr std::size_t fast_listing = 256 * 1024;

// Work of one session on the disk yields to that of others after this time: reading directories, since a pattern may match
// none of a million names, and copying. Short enough that a client waits for few milliseconds while others use every thread,
// long enough that switching threads does not matter.
inline constexpr auto work_slice = 5ms;
// Work that takes longer than this waits for the disk, such as a sync or a read from a slow disk, and not for the processor.
// Work in slices stays below it, although its threads share the processors.
inline constexpr auto slow_work = 20ms;
// Pieces of brief disk work that run at a time, without the slow ones: enough for the queue of a fast disk. Slices of long
// work, which need a processor, are as many as there are processors.
inline constexpr std::size_t running_disk_work = 8;
// Threads for disk work, most of which may wait for the disk at the same time. They are started when they are needed.
inline constexpr std::size_t max_disk_threads = 64;
// STAT ends after this many slices, as its reply must fit into the control connection.
inline constexpr std::size_t max_stat_slices = 200;
// How often a command that works on the disk checks that its client is still connected.
inline constexpr auto client_check_interval = 100ms;

// Failed logins until the session ends.
inline constexpr int max_login_attempts = 3;
// Login penalties (AU-02), with the values of OpenSSH: shorter penalties have no effect, longer ones are reduced.
inline constexpr auto min_penalty = 15s;
inline constexpr auto max_penalty = 600s;
inline constexpr std::size_t max_penalized_sources = 65536;
// The accounts whose failed logins are counted (AU-02), about 10 MiB, and the bytes of a name that distinguish accounts.
inline constexpr std::size_t max_guessed_accounts = 32768;
inline constexpr std::size_t account_key_size = 64;
// Logins that wait for their password check (AU-03): at about 20 checks a second, more would wait for longer than the time
// below, after which many clients have stopped waiting for the reply.
inline constexpr std::size_t max_queued_logins = 512;
inline constexpr auto max_login_queue_time = 25s;
// How often such a login checks that its client is still connected.
inline constexpr auto login_queue_check_interval = 200ms;
// How long after a login the next ones of that address are checked before those of other addresses; and how many addresses
// are stored.
inline constexpr auto recent_login_age = 3600s;
inline constexpr std::size_t max_recent_logins = 65536;
// How many of them are checked in a row while logins of other addresses wait.
inline constexpr unsigned max_known_logins_in_row = 3;
// The pool of the sessions that have not logged in (RX-01): by default a tenth of all sessions, as a login takes a small
// part of a session; but not so few that the clients of a small server reject each other when all connect at once.
inline constexpr std::size_t login_pool_divisor = 10;
inline constexpr std::size_t min_login_pool = 100;
// The part of the connections that is rejected at random from half of the pool on, and the number of sessions below which
// none is: the values of OpenSSH's MaxStartups 10:30:100.
inline constexpr double early_rejection = 0.3;
inline constexpr std::size_t min_early_rejection = 10;
// The time between two log lines about one address that has reached its maximum number of sessions, and the number of such
// addresses.
inline constexpr auto limit_notice_interval = 3600s;
inline constexpr std::size_t max_limit_notices = 1024;
// Addresses whose rate of new sessions is tracked, if that rate is limited.
inline constexpr std::size_t max_rate_limited_addresses = 65536;

// Timeouts (RX-01, DC-04, TLS-09), most of them defaults of settings.
inline constexpr auto login_timeout = 60s;
inline constexpr auto idle_timeout = 300s;
inline constexpr auto data_timeout = 30s;
inline constexpr auto stall_timeout = 60s;
// Bytes per second, on average over the time above. No usable link is slower; a peer that sends single bytes to hold its
// resources is.
inline constexpr std::uint64_t stall_rate = 32;
inline constexpr auto tls_handshake_timeout = 10s;
inline constexpr auto tls_shutdown_timeout = 2s;
// How long a data connection with TLS stays open for the peer's close_notify after the last byte. The peer may have to wait
// for its disk first, but silent peers must not occupy many descriptors.
inline constexpr auto close_notify_timeout = 5s;
// For the client: a server that looks up the client's name first can take the resolver's timeout, 30 seconds and more.
inline constexpr auto greeting_timeout = 60s;
// A load balancer sends the header at once; this allows for the retransmission of one packet.
inline constexpr auto proxy_header_timeout = 5s;
// Single-port mode: how long a connection may wait that is either a data connection or a new client, which would expect its
// greeting; common clients wait 15 s and more.
inline constexpr auto single_port_max_wait = 10s;
// Single-port mode: how long a connection from an abandoned negotiation can still arrive; a lost SYN is retransmitted for
// about as long.
inline constexpr auto single_port_cooldown = 60s;
// Added to two round trips: time for a connection that has arrived but waits to be handled by an event loop.
inline constexpr auto single_port_decision_delay = 20ms;
// Undecided connections of one client address.
inline constexpr std::size_t max_single_port_candidates = 256;
inline constexpr auto reply_timeout = 30s;
inline constexpr auto connect_timeout = 10s;
// Time to finish after SIGTERM, as container managers kill after 10 s. It is shorter after SIGINT, where a user waits.
inline constexpr auto stop_timeout = 8s;
inline constexpr auto interrupt_timeout = 2s;
// Part of the stop timeout that is reserved for the 421 replies and for closing, after the last transfer.
inline constexpr auto stop_reserve = 1500ms;

// TCP keepalive (S5): less than the ten minutes after which common firewalls drop an idle connection.
inline constexpr auto keepalive_idle = 60s;
inline constexpr auto keepalive_interval = 15s;
inline constexpr int keepalive_count = 4;

// Backends of a gateway (G7).
// A backend that should get less than 1/256 of another's sessions should be drained instead.
inline constexpr std::uint64_t max_backend_weight = 256;
// Queued sessions: each holds a connection, and its client waits without a greeting. Further clients get 421 at once.
inline constexpr std::size_t max_queued_sessions = 1000;
// Time in the queue; clients commonly wait 10 s and more for a greeting.
inline constexpr auto queue_timeout = 5s;
// How often a queued session checks that its client is still connected: nothing is read from the client before the greeting.
inline constexpr auto queue_check_interval = 500ms;
// For one reply during login: longer than the usual delay after a wrong password or a retry of a directory service, and
// short enough for two of them within the login timeout.
inline constexpr auto backend_login_timeout = 20s;
// Between two DNS lookups of backend names; DNS records commonly change less often.
inline constexpr auto resolve_interval = 30s;
inline constexpr auto slow_start = 30s;
// Older response times are not used; otherwise one slow reply could exclude a backend for ever.
inline constexpr auto max_response_time_age = 60s;
// Between two health checks of a backend: short enough that few clients get a failed one, long enough not to fill its log.
inline constexpr auto check_interval = 5s;
// For a complete check, if the interval is not shorter.
inline constexpr auto check_timeout = 10s;
// Between two checks that sessions request.
inline constexpr auto min_check_interval = 1s;
// After a refused login: some servers block addresses that send a wrong password every few seconds.
inline constexpr auto check_interval_after_refused_login = 60s;
// Consecutive failures until a backend is down.
inline constexpr unsigned check_fall = 3;
// Consecutive successes until it is up again.
inline constexpr unsigned check_rise = 2;
// If a backend is at its limit, a session without USER that has been silent for longer than this is closed to free its
// slot: programs log in at once, and a slower user can connect again.
inline constexpr auto silent_session_timeout = 2s;
// Time for such a session to end, before the next one is closed.
inline constexpr auto session_yield_timeout = 500ms;

// Maximum number of descriptors that are reserved for transfers: enough for a thousand transfers at a time.
inline constexpr std::size_t max_descriptors_for_transfers = 4096;
// Descriptors that new sessions cannot use: for 421 replies, the control socket and reopening a log.
inline constexpr std::size_t reserved_descriptors = 16;

// Log lines that a client causes before login: a burst that is enough for some logins at level debug, then one line per
// second for each address. This many addresses are tracked; all others share one budget.
inline constexpr double log_line_burst = 200;
inline constexpr double log_lines_per_second = 1;
inline constexpr std::size_t max_log_sources = 65536;
// Lines that wait for the thread that writes the log; with more, the oldest are dropped. Enough for one second in which the
// disk of a busy server does not respond. The queue is allocated at the start: 400 bytes per line.
inline constexpr std::size_t max_queued_log_lines = 8192;
// Lost lines are counted, and reported in at most one line per interval.
inline constexpr auto log_loss_interval = 1s;
// How long the program waits at its end for queued lines: a reader that has stopped may never continue.
inline constexpr auto log_flush_timeout = 1s;

// An event loop that does not answer for this time is reported (OP-08): longer than any work of a loop, which takes
// milliseconds, and shorter than the timeouts of clients. It is asked once per interval.
inline constexpr auto watchdog_limit = 5s;
inline constexpr auto watchdog_interval = 1s;

// A TLS signature that takes longer is not made on an event loop: those of ECDSA P-256 and Ed25519 take less than a tenth of
// a complete handshake, while RSA with 4096 bits takes milliseconds, in which the loop would serve no other session.
inline constexpr auto max_signature_on_loop = 150us;
// TLS handshakes that wait for a signature. With 4 ms for each, the last one waits for 2 s; common clients wait 10 s and
// more.
inline constexpr std::size_t max_queued_handshakes = 512;
// How long a data connection that does not resume the TLS session of its control connection is held after the transfer
// command, in addition to two round trips: another one that resumes it may arrive. A client connects before it sends the
// command, or at once after it.
inline constexpr auto new_tls_session_delay = 250ms;
// Data connections for one passive port reservation that wait for this decision.
inline constexpr std::size_t max_held_data_connections = 16;
// How long a key encrypts new TLS session tickets (TLS-12).
inline constexpr auto ticket_key_lifetime = 3600s;

// Transfer records that wait for the disk: a few seconds of a busy gateway. They take 6 MiB, or twice that with long paths.
inline constexpr std::size_t max_queued_records = 16384;

// The control socket of a running daemon. Requests are short; its clients are administrators and monitoring programs.
inline constexpr std::size_t max_control_request = 64 * 1024;
inline constexpr std::size_t max_control_connections = 16;
inline constexpr auto control_timeout = 5s;
// Sessions that an event loop describes at a time, in some tens of microseconds, before it continues its transfers.
inline constexpr std::size_t snapshot_batch = 64;
inline constexpr auto snapshot_timeout = 2s;
// After a restart, the old process ends after this time even if sessions are still running.
inline constexpr auto drain_timeout = 3600s;
// For the start of the new process, including certificates, DNS names and files on a slow disk.
inline constexpr auto restart_timeout = 20s;
// If the new process fails while the old one drains, it is started again: how often, and the first and the longest time
// before an attempt, which doubles each time.
inline constexpr int restart_attempts = 20;
inline constexpr auto first_restart_delay = 100ms;
inline constexpr auto max_restart_delay = 10s;
// The helper process responds within microseconds, unless the machine has no processor time or memory for it.
inline constexpr auto helper_timeout = 5s;

// Openings in the kernel (firewall): how many are committed together, so that none waits long for the others; and how long
// a client waits while another program holds the kernel's lock, before the transfer continues without the opening.
inline constexpr std::size_t opening_batch = 128;
inline constexpr auto opening_timeout = 2s;

// STUN: the first retransmission of a request over UDP (RFC 8489, section 6.2.1), which doubles; how long all servers of a
// round have, with one lost packet; and the longest response, which has about 100 bytes and comes in one packet.
inline constexpr auto first_stun_retransmission = 500ms;
inline constexpr auto stun_timeout = 3s;
inline constexpr std::size_t max_stun_message = 1500;
// The maximum number of STUN servers of one daemon.
inline constexpr std::size_t max_stun_servers = 4;

// Port mappings at a router (reach). How long one is asked for; renewals come at half of it.
inline constexpr auto mapping_lease = 3600s;
// A shorter lifetime is rejected as unusable, and a longer one counts as the maximum, so that no router can make us ask
// several times a second, or never again.
inline constexpr auto min_mapping_lifetime = 10s;
inline constexpr auto max_mapping_lifetime = 86400s;
// Ports are shared by clients of different addresses, so few suffice; each costs the router a rule, and 20 to 40 ms.
inline constexpr std::size_t max_mapped_ports = 32;
inline constexpr std::uint16_t default_mapped_ports = 8;
// The first wait for a response to a request that any router answers at once, which doubles twice (RFC 6886, section 3.1).
inline constexpr auto first_router_wait = 250ms;
inline constexpr int router_tries = 3;
// The wait for a response about a mapping, from a router that has answered such a request: 20 to 40 ms are usual.
inline constexpr auto mapping_wait = 1s;
// A protocol that the router does not answer, or a port that it refuses, is asked for again after this time, which doubles.
inline constexpr auto min_router_rest = 30s;
inline constexpr auto max_router_rest = 1800s;
// How often in a row the announcement of a restart, which any host of the network can forge, has all ports asked for again;
// one more after each rest above.
inline constexpr double router_restarts = 4;
// The end of the process waits for the router's responses to the requests that end mappings. Half of it is for lost ones.
inline constexpr auto unmapping_timeout = 700ms;
// UPnP: how long the search for routers lasts; the time for one request; the size of a response, usual ones have 1 to 20
// KiB.
inline constexpr auto upnp_search_time = 2s;
inline constexpr auto upnp_request_timeout = 5s;
// The requests for one mapping, with those for other ports.
inline constexpr auto max_upnp_request = 45s;
inline constexpr std::size_t max_upnp_answer = 64 * 1024;

}  // namespace sallyport::limits
