#pragma once
// Scripts for the tests of the relay machine. A script holds both control connections, one step a line:
//   > client's line            >> what the backend must get
//   << backend's line          < what the client must get
//   = action that next() must return, in order    ! what the driver reports
// A machine that selects its backend at the login starts without one.
// Every script runs twice: each line in one piece, and byte by byte. At its end no output may be left.
// Values of one test; one thread.

#include <gtest/gtest.h>

#include <deque>
#include <functional>

#include <sallyport/proto/relay_machine.hpp>

namespace sallyport::proto {
namespace relay_script {

[[nodiscard]] inline endpoint at(std::string_view text) { return *endpoint::parse(text); }

inline constexpr session_time script_begins{std::chrono::hours(100)};
// The client's end of its data connections.
inline const endpoint data_peer = at("198.51.100.7:40001");

// The other ends of the machine: the driver's part, with all that came out kept in order.
class relay_driver {
public:
    relay_driver(const relay_settings& settings, bool bytewise);
    relay_driver(relay_machine begun, bool bytewise);

    void step(const std::string& line);
    void play(std::string_view script);
    /// One after the other; nothing may be left then.
    void play_all(std::initializer_list<std::string_view> parts);
    void client(std::string_view bytes);
    void backend(std::string_view bytes);

    void run();
    void expect_nothing_left();
    [[nodiscard]] std::size_t count(relay_note kind) const;

    relay_machine machine;
    // Both data connections are there by the time of the backend's 150.
    bool connects_at_once = true;
    std::deque<std::string> to_client, to_backend, actions;
    // The port to which the last reservation allows to forward.
    std::optional<endpoint> reserved_to;
    // The data path of the last transfer, and its limits for connecting and for the start.
    std::optional<data_path_choice> chosen;
    std::pair<std::chrono::milliseconds, std::chrono::milliseconds> limits_given{};
    std::vector<std::pair<relay_note, std::string>> notes;
    std::vector<relay_act::transfer_finished> finished;
    // How often the backend was suspected.
    unsigned suspected = 0;
    session_time now = script_begins;
    // The time that the machine has returned in `idle`.
    session_time until;

private:
    void feed(std::string_view bytes, void (relay_machine::*take)(std::string_view));
    void outcome(const std::string& text);
    /// The machine must want to be asked in so many seconds, and they pass.
    void waited(std::string_view seconds);
    /// So many seconds pass.
    void passed(std::string_view seconds);

    bool bytewise_;
};

[[nodiscard]] relay_settings usual();
[[nodiscard]] relay_settings with_tls();
[[nodiscard]] relay_settings matching();

inline constexpr std::string_view login = R"(< 220 Welcome.
> USER anonymous
>> USER anonymous
<< 331 Guest login ok, send your e-mail address as password.
< 331 Guest login ok, send your e-mail address as password.
> PASS NcFTP@
>> PASS NcFTP@
<< 230 Logged in anonymously.
< 230 Logged in anonymously.
)";

inline constexpr std::string_view auth = R"(< 220 Welcome.
> AUTH TLS
< 234 Start the TLS handshake.
= tls
! tls
)";

inline constexpr std::string_view login_only = R"(> USER u
>> USER u
<< 331 Password?
< 331 Password?
> PASS p
>> PASS p
<< 230 In.
< 230 In.
)";

inline constexpr std::string_view protect = R"(> PBSZ 0
< 200 PBSZ=0
> PROT P
< 200 Data connections will be encrypted.
)";

inline constexpr std::string_view passive = R"(> PASV
>> PASV
<< 227 Entering Passive Mode (172,16,3,4,204,173)
= reserve
! port 17.254.0.91:52397
< 227 Entering Passive Mode (17,254,0,91,204,173)
)";

void play(const relay_settings& settings, std::initializer_list<std::string_view> parts,
          const std::function<void(relay_driver&)>& check = {});
/// The same by a machine that chooses at the login.
void play_selecting(const relay_settings& settings, std::initializer_list<std::string_view> parts);

inline constexpr std::string_view retrieving = R"(> RETR f
>> RETR f
= open RETR down listen, connect 172.16.3.4:52397
<< 150 Here it comes.
= confirm
< 150 Here it comes.
)";

}  // namespace relay_script
}  // namespace sallyport::proto
