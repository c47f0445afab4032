#pragma once
// Where a gateway's backends come from: its settings, a file that is watched, names that are looked up again and again (G7).
//
// The pool gets one list of servers, whenever any of these has changed. The gateway itself is never among them (GW-09). What
// can't be had (a file with a mistake, a name server that does not answer) changes nothing and is logged.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sallyport/base/error.hpp>
#include <sallyport/gate/gate.hpp>
#include <sallyport/net/dns.hpp>
#include <sallyport/net/loop.hpp>

namespace sallyport::gate {

class health_checks;
class self_connection_guard;
class pool;

/// One backend URL a line, blank lines and those that begin with "#" apart. Errors name the line. A file that names no
/// backend is a mistake: who wants no sessions says state=maintenance.
[[nodiscard]] result<std::vector<backend>> parse_backend_lines(std::string_view text);

struct backend_file {
    std::string text;
    std::vector<backend> backends;
};

/// Blocks on the disk. Errors name file and line.
[[nodiscard]] result<backend_file> load_backend_file(const std::string& file);

/// The backends that stand behind a name: one for each address, or for each record.
[[nodiscard]] std::vector<backend> resolve_to_backends(const backend& name, const std::vector<ip_address>& addresses);
[[nodiscard]] backend resolve_to_backends(const backend& name, const net::srv_record& record, std::uint16_t largest_weight,
                                          std::vector<ip_address> addresses);

class backend_list {
public:
    /// The pool, the checks and what is known of ourselves must outlive stop().
    backend_list(net::loop& loop, pool& backends, health_checks& checks, const self_connection_guard& guard);

    /// By these settings from now on; a file is read at once, names are looked up soon. Returns a line for each change;
    /// where there is an error nothing has changed. Before the loops run, or on the first one.
    [[nodiscard]] result<std::vector<std::string>> apply(const settings& s);
    /// Any thread: other ones in place of those in the settings; what stands in a file stays. What changes is logged.
    void update(const std::vector<backend>& from_settings);
    /// On the first loop, or when no loop runs.
    void stop();

private:
    void start();

    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
