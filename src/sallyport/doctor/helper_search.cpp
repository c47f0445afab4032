#include <sallyport/doctor/helper_search.hpp>

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include <sallyport/diagnosis/path.hpp>
#include <sallyport/doctor/line_probe.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::doctor {

namespace {

/// For a piece of a line: the server's TCP acknowledges it at once.
constexpr std::chrono::milliseconds line_wait(500);

}  // namespace

net::task<bool> add_line_probe(path_probe how, std::uint16_t port, std::string name, std::string piece,
                               diagnosis::facts& into) {
    const auto distance = diagnosis::distance_to_server(into).value_or(0);
    const endpoint to{how.server.address, port};
    const line_target target{{to, how.local.address, line_wait}, distance, std::move(name), std::move(piece)};
    auto work = [&target] { return probe_line(target); };
    auto found = co_await net::offload(how.pool, how.loop, std::move(work));
    const bool is_held = found && found->held_from();
    if (found)
        into.lines.push_back(std::move(*found));
    else if (port == how.server.port)
        into.not_measured.emplace_back("helpers on the path: the server did not answer NOOP before the login");
    co_return is_held;
}

net::task<bool> find_helper(path_probe how, std::uint16_t port, diagnosis::facts& into) {
    const auto where = port == how.server.port ? std::string() : fmt::format(" on port {}", port);
    const bool is_held = co_await add_line_probe(how, port, "half PORT" + where, "PORT 192,168,", into);
    if (is_held) (void)co_await add_line_probe(how, port, "half line" + where, std::string(half_line), into);
    co_return is_held;
}

}  // namespace sallyport::doctor
