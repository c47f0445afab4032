#pragma once
// The sources of a gateway's backends: its settings, a watched file, and names that are resolved periodically (G7).
//
// The pool receives one list of backends whenever a source has changed. The gateway itself is never among them (GW-09). An
// error, such as an invalid file or a name server that does not respond, is logged and changes nothing. The shared state of
// the gateway owns the list; it works on the first loop.

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

/// Parses one backend URL per line; blank lines and lines that begin with "#" are skipped. Errors name the line. A file
/// without backends is an error: to accept no sessions there is state=maintenance.
[[nodiscard]] result<std::vector<backend>> parse_backend_lines(std::string_view text);

/// The content of a backends file.
/// The content of a backends file.
struct backend_file {
    std::string text;
    std::vector<backend> backends;
};

/// Reads and parses the file; blocks on the disk. Errors name the file and the line.
[[nodiscard]] result<backend_file> load_backend_file(const std::string& file);

/// The backends of a resolved name: one for each address, or one for an SRV record.
[[nodiscard]] std::vector<backend> resolve_to_backends(const backend& name, const std::vector<ip_address>& addresses);
[[nodiscard]] backend resolve_to_backends(const backend& name, const net::srv_record& record, std::uint16_t largest_weight,
                                          std::vector<ip_address> addresses);

class backend_list {
public:
    /// The pool, the checks and the guard must live until stop() has returned.
    backend_list(net::loop& loop, pool& backends, health_checks& checks, const self_connection_guard& guard);

    /// Applies new settings: reads the file now and resolves the names soon. Returns one line for each change; after an
    /// error nothing has changed. Before the loops run, or on the first loop.
    [[nodiscard]] result<std::vector<std::string>> apply(const settings& s);
    /// Replaces the backends of the settings; those of the file stay. Changes are logged. Any thread.
    void update(const std::vector<backend>& from_settings);
    /// Stops watching and resolving. On the first loop, or when no loop runs.
    void stop();

private:
    void start();

    struct impl;
    std::shared_ptr<impl> impl_;
};

}  // namespace sallyport::gate
