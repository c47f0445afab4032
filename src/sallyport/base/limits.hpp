#pragma once
// Every bound of the program in one place, each with its reason. Settings may lower or raise some; these are the
// defaults and the hard edges.
// Constants; any thread. Sizes are in bytes unless the name says what is counted; times carry their unit.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace sallyport::limits {

using namespace std::chrono_literals;

// Control connection, towards us as a server. 4096 holds PATH_MAX; before login no argument needs more than 512.
inline constexpr std::size_t max_command_line = 4096;
inline constexpr std::size_t max_command_line_before_login = 512;
// The third overlong line ends the session: nobody does that three times by accident.
inline constexpr int max_overlong_lines = 3;
// Lines held back while a transfer runs; with more the connection is not read until it has ended, so that replies keep
// the order of the commands.
inline constexpr std::size_t max_deferred_commands = 64;
// Input kept unparsed per session: one socket read is never larger.
inline constexpr std::size_t control_read_size = 8192;
// Telnet negotiations answered per session (IN-02): a flood is an attack.
inline constexpr int max_telnet_replies = 64;

// Replies of a server towards our client and gateway (CL-03).
inline constexpr std::size_t max_reply_line = 8192;
inline constexpr std::size_t max_reply_lines = 1000;
inline constexpr std::size_t max_reply_bytes = 256 * 1024;

// A PROXY header, version 2: addresses take 36 bytes; the rest is what balancers append, a client's certificate at most.
inline constexpr std::size_t max_proxy_header = 4096;

// Virtual paths.
inline constexpr std::size_t max_path_bytes = 4096;
inline constexpr std::size_t max_path_components = 255;
inline constexpr std::size_t max_name_bytes = 255;

// Listings. A directory of up to so many entries is listed in the order of names, as people expect it; a larger one as it
// comes, for sorting would mean to hold it all.
inline constexpr std::size_t max_sorted_entries = 4096;
// What is read of a directory before it is sent, about: long enough that trips between threads don't count.
inline constexpr std::size_t listing_block_size = 64 * 1024;
// Threads that read one large directory side by side: asking for each entry's facts is nearly all of a listing's work. Few
// enough that some listings at a time leave room on the disk's pool.
inline constexpr std::size_t listing_readers = 2;
// Blocks being read or read ahead, about 1 MiB in all. As many as keep the readers at work while the loop waits for its
// turn on a busy core.
inline constexpr std::size_t max_listing_blocks = 8;

// How long one look at a directory may last before others get their turn on the disk's threads: a pattern may let through
// nothing of a million names. STAT gives up after so many looks, as its reply must fit into the control connection.
inline constexpr auto listing_slice = 10ms;
inline constexpr std::size_t max_stat_slices = 100;

// Logins.
inline constexpr int max_login_attempts = 3;
// Penalties of addresses (AU-02), OpenSSH's figures: refused from `least` on, never for longer than `most`.
inline constexpr auto min_penalty = 15s;
inline constexpr auto max_penalty = 600s;
inline constexpr std::size_t max_penalized_sources = 65536;
// Addresses whose rate of new sessions is remembered, where there is a limit to it.
inline constexpr std::size_t max_rate_limited_addresses = 65536;

// Times (RX-01, DC-04, TLS-09). Each is a default of a setting.
inline constexpr auto login_timeout = 60s;
inline constexpr auto idle_timeout = 300s;
inline constexpr auto data_timeout = 30s;
inline constexpr auto stall_timeout = 60s;
// Bytes a second, on average over the time above: no link that anybody uses is slower, and a peer that sends a byte now and
// then to keep what it holds is.
inline constexpr std::uint64_t stall_rate = 32;
inline constexpr auto tls_handshake_timeout = 10s;
inline constexpr auto tls_shutdown_timeout = 2s;
// How long a data connection under TLS stays open for the peer's own close_notify after the last byte: a peer that may have
// to wait for its disk first, but not so long that silent peers cost many descriptors.
inline constexpr auto close_notify_timeout = 5s;
// Our client's: servers that look up their clients' names first take the resolver's time, thirty seconds and more.
inline constexpr auto greeting_timeout = 60s;
// A balancer sends it at once; this is room for one packet sent again.
inline constexpr auto proxy_header_timeout = 5s;
// Single-port mode. How long a connection may go unanswered that is either data or a new client, who would wait for its
// greeting; common clients wait 15 s and more.
inline constexpr auto single_port_max_wait = 10s;
// What a connection on its way may need to be here, or to be given up; a SYN that was lost is sent again for about as long.
inline constexpr auto single_port_cooldown = 60s;
// Beside two round trips: what has arrived at the machine and waits for its turn in one of our loops.
inline constexpr auto single_port_decision_delay = 20ms;
// Connections held for one address.
inline constexpr std::size_t max_single_port_candidates = 256;
inline constexpr auto reply_timeout = 30s;
inline constexpr auto connect_timeout = 10s;
// Time to finish after SIGTERM: container managers kill after 10 s. After SIGINT a person waits.
inline constexpr auto stop_timeout = 8s;
inline constexpr auto interrupt_timeout = 2s;
// What of the time to stop is kept for the 421 replies and the closing, after the last transfer.
inline constexpr auto stop_reserve = 1500ms;

// TCP keepalive (S5): below the ten minutes after which common firewalls forget a connection.
inline constexpr auto keepalive_idle = 60s;
inline constexpr auto keepalive_interval = 15s;
inline constexpr int keepalive_count = 4;

// Backends of a gateway (G7).
// A share of more than 256 to 1 is a server that should be drained.
inline constexpr std::uint64_t max_backend_weight = 256;
// Sessions that wait for room: each holds a connection and a client who sees nothing; more are better told 421 at once.
inline constexpr std::size_t max_queued_sessions = 1000;
// Clients commonly wait 10 s and more for a greeting.
inline constexpr auto queue_timeout = 5s;
// For an answer during the login: longer than a wrong password's usual delay or a directory service that is asked anew, and
// twice within the login's own time.
inline constexpr auto backend_login_timeout = 20s;
// For names of backends; as often as their records commonly change at most.
inline constexpr auto resolve_interval = 30s;
inline constexpr auto slow_start = 30s;
// An older response time says nothing about now; without this one slow answer would keep a backend from ever being asked.
inline constexpr auto max_response_time_age = 60s;
// Health checks of backends: often enough that few clients meet a dead one, seldom enough not to fill its log.
inline constexpr auto check_interval = 5s;
// For the whole of a check, where the interval is longer.
inline constexpr auto check_timeout = 10s;
// Between two checks, however many sessions ask for one.
inline constexpr auto min_check_interval = 1s;
// A wrong password every few seconds is how guessers behave, and some servers shut the door on them.
inline constexpr auto check_interval_after_refused_login = 60s;
// Failures in a row until a backend counts as down.
inline constexpr unsigned check_fall = 3;
// Successes in a row until it is up again.
inline constexpr unsigned check_rise = 2;
// Where a backend has no room, a session that has been silent for longer than this, and has not said USER, gives up its
// place: programs log in at once, and a person who is slower than that can connect again.
inline constexpr auto silent_session_timeout = 2s;
// For such a session to end, before another one is asked.
inline constexpr auto session_yield_timeout = 500ms;

// Descriptors that sessions leave free for their transfers, at most: enough for a thousand transfers at a time.
inline constexpr std::size_t max_descriptors_for_transfers = 4096;
// Descriptors that no new connection may use: for 421, for the control socket, for a log that is opened again.
inline constexpr std::size_t reserved_descriptors = 16;

// Log lines that a client causes before it has logged in: enough at once for some logins at level debug, then one a second
// for each address. The addresses that are counted one by one; all others share one budget.
inline constexpr double log_line_burst = 200;
inline constexpr double log_lines_per_second = 1;
inline constexpr std::size_t max_log_sources = 65536;
// Lines that wait for the thread that writes the log; with more, the oldest are dropped. Room for the second in which a busy
// server's disk doesn't answer. The queue is allocated at the start: 400 bytes a line.
inline constexpr std::size_t max_queued_log_lines = 8192;
// Lost lines are counted and reported in one line, and not in a line each time.
inline constexpr auto log_loss_interval = 1s;
// How long the end of the program waits for lines that are still queued: a reader that has stopped may never go on.
inline constexpr auto log_flush_timeout = 1s;

// A ticket key encrypts new TLS session tickets for this long (TLS-12).
inline constexpr auto ticket_key_lifetime = 3600s;

// Records of transfers that wait for the disk: some seconds of a busy gateway's. 6 MiB, and twice that where paths are long.
inline constexpr std::size_t max_queued_records = 16384;

// The control socket of a running daemon. Requests are a few words; who asks is a person or a monitor.
inline constexpr std::size_t max_control_request = 64 * 1024;
inline constexpr std::size_t max_control_connections = 16;
inline constexpr auto control_timeout = 5s;
// Sessions that a loop describes in one go, some tens of microseconds, before its transfers get their turn.
inline constexpr std::size_t snapshot_batch = 64;
inline constexpr auto snapshot_timeout = 2s;
// The replaced program ends after this, whatever still runs in it.
inline constexpr auto drain_timeout = 3600s;
// Certificates, names and files of a slow disk included.
inline constexpr auto restart_timeout = 20s;

// Openings in the kernel (firewall): what is committed together, so that none waits long for many; and how long a client
// waits for its own while another program holds the kernel's lock, before it is served without.
inline constexpr std::size_t opening_batch = 128;
inline constexpr auto opening_timeout = 2s;

}  // namespace sallyport::limits
