#include <sallyport/cli/top_command.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <boost/json/object.hpp>

#include <sallyport/cli/full_screen.hpp>
#include <sallyport/cli/site_run.hpp>
#include <sallyport/cli/top_keys.hpp>
#include <sallyport/ops/control_client.hpp>

namespace sallyport::cli {
namespace {

namespace json = boost::json;
using clock = std::chrono::steady_clock;

// A daemon answers within two seconds, also if one of its event loops does not run. Keys wait meanwhile.
constexpr auto answer_timeout = std::chrono::seconds(3);

/// The state of the daemon at present, and the rates since the one before.
struct sample {
    json::object status{};
    transfer_rates rates{};
    clock::time_point at{};
};

[[nodiscard]] result<sample> next_sample(const std::string& socket, const std::optional<sample>& before) {
    auto status = ops::send_control_request(socket, {{"command", "status"}}, answer_timeout);
    if (!status) return std::unexpected(std::move(status).error());
    sample out{.status = std::move(*status), .at = clock::now()};
    out.rates = before ? rates_between(before->status, out.status, out.at - before->at) : mean_rates(out.status);
    return out;
}

/// Returns the signal that is to end this process; 0: the user quits.
[[nodiscard]] result<int> show_until_quit(full_screen& screen, const std::string& socket, sample now, top_view view,
                                          std::chrono::milliseconds interval) {
    top_keys keys(view);
    for (;;) {
        const auto shown = render_top(now.status, now.rates, screen.size(), view);
        screen.show(shown.lines, shown.heading);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(now.at + interval - clock::now());
        const auto event = screen.wait(std::max(left, std::chrono::milliseconds(0)));
        if (event.signal != 0) return event.signal;
        if (!keys.take(event.typed, shown)) return 0;
        if (clock::now() < now.at + interval) continue;
        auto next = next_sample(socket, std::move(now));
        if (!next) return std::unexpected(std::move(next).error());
        now = std::move(*next);
    }
}

}  // namespace

void top_options::add_to(command_table& table) {
    choices<top_order> orders;
    for (const auto& each : top_orders) orders.emplace_back(each.value, each.order);
    table.add("Output", {{"--sort", "KEY", choice(order, "key", std::move(orders)),
                          "Order at the start: rate, bytes, age, idle, user, client or backend"},
                         {"--filter", "TEXT", text(filter),
                          "Only sessions with user=TEXT, client=TEXT, backend=TEXT or TEXT", "all sessions"},
                         {"--interval", "SECONDS", time(interval, {.min = std::chrono::milliseconds(100)}),
                          "Time between two updates"}});
}

result<void> run_top(const std::string& command, const std::string& socket, const top_options& options) {
    top_view view{.order = options.order, .filter_text = options.filter};
    auto filter = top_filter::parse(options.filter);
    if (!filter) return fail(errc::usage, "--filter " + filter.error().what);
    view.filter = std::move(*filter);
    if (!full_screen::is_possible())
        return fail(
            errc::usage,
            fmt::format(
                "standard input and output are not a terminal that can show a full screen; use '{} status --sessions'",
                command));
    auto first = next_sample(socket, std::nullopt);
    if (!first) return std::unexpected(std::move(first).error());
    auto screen = full_screen::open();
    if (!screen) return std::unexpected(std::move(screen).error());
    const auto ended = show_until_quit(**screen, socket, std::move(*first), std::move(view), options.interval);
    // The terminal is as it was before anything else is written.
    screen->reset();
    if (!ended) return std::unexpected(ended.error());
    if (*ended != 0) end_by_signal(*ended);
    return {};
}

}  // namespace sallyport::cli
