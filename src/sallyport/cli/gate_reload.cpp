#include <sallyport/cli/gate_reload.hpp>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <sallyport/base/escape.hpp>
#include <sallyport/base/log.hpp>

namespace sallyport::cli {
namespace {

/// What belongs to the process and not to its sessions.
constexpr auto fixed_options =
    std::to_array<std::string_view>({"listen", "listen-tls", "passive-ports", "external-ports", "grabbed-ports", "data-port",
                                     "proxy-from", "proxy-data", "loops", "log", "log-level", "status-socket", "drain"});
constexpr auto secret_options = std::to_array<std::string_view>({"check-user"});

[[nodiscard]] bool is_among(const auto& list, std::string_view name) { return std::ranges::find(list, name) != list.end(); }

[[nodiscard]] const std::vector<std::string>& value_of(const option_values& values, const std::string& name) {
    static const std::vector<std::string> none;
    const auto found = values.find(name);
    return found == values.end() ? none : found->second;
}

[[nodiscard]] std::string words_of(const option_values& values, const std::string& name) {
    if (is_among(secret_options, name)) return "...";
    const auto& words = value_of(values, name);
    return words.empty() ? "as by default" : escape(fmt::format("{}", fmt::join(words, ", ")), 500);
}

[[nodiscard]] std::set<std::string> changed_options(const option_values& before, const option_values& after) {
    std::set<std::string> out;
    for (const auto* values : {&before, &after}) {
        for (const auto& [name, words] : *values)
            if (value_of(before, name) != value_of(after, name)) out.insert(name);
    }
    out.erase("config");
    return out;
}

/// Whether any option of this beginning differs.
[[nodiscard]] bool differs(const std::set<std::string>& changed, std::string_view beginning) {
    return std::ranges::any_of(changed, [&](const std::string& name) { return name.starts_with(beginning); });
}

}  // namespace

gate_reloader::gate_reloader(daemon& host, gate::gate& service, gate_reading first,
                             std::function<result<gate_reading>()> read)
    : host_(host),
      service_(service),
      read_(std::move(read)),
      in_use_(std::move(first.given)),
      tls_(std::move(first.settings.tls)),
      transfers_(std::move(first.settings.transfers)) {}

/// A context whose files are named as before goes on with their new content, so that sessions it has encrypted tickets for
/// can be resumed; a log that is open stays open.
void gate_reloader::keep_what_stays(gate_reading& fresh) {
    const auto changed = changed_options(in_use_, fresh.given);
    if (tls_ && fresh.settings.tls && !differs(changed, "tls-")) fresh.settings.tls = tls_;
    if (!differs(changed, "transfer-log")) fresh.settings.transfers = transfers_;
    tls_ = fresh.settings.tls;
    transfers_ = fresh.settings.transfers;
}

net::task<result<std::vector<std::string>>> gate_reloader::run() {
    auto work = [this] { return read_(); };
    auto fresh = co_await net::offload(host_.disk(), host_.loops().at(0), std::move(work));
    if (!fresh) co_return std::unexpected(fresh.error());
    keep_what_stays(*fresh);
    auto renewed = service_.renew(std::move(fresh->settings));
    if (!renewed) co_return std::unexpected(renewed.error());
    host_.follow(tls_);
    host_.on_rotate(transfers_);

    std::vector<std::string> lines;
    for (const auto& name : changed_options(in_use_, fresh->given)) {
        if (name == "backend") continue;  // told one by one
        const auto now = fmt::format("{}: {}, before {}", name, words_of(fresh->given, name), words_of(in_use_, name));
        if (is_among(fixed_options, name)) {
            lines.push_back(fmt::format("{}; not without a restart", now));
            fresh->given[name] = value_of(in_use_, name);  // so that the next reload says so again
        } else {
            lines.push_back(now);
        }
    }
    std::ranges::move(*renewed, std::back_inserter(lines));
    if (lines.empty()) lines.emplace_back("nothing has changed");
    in_use_ = std::move(fresh->given);
    co_return lines;
}

net::task<result<std::string>> gate_reloader::reload() {
    if (std::exchange(running_, true)) co_return fail(errc::busy, "another reload is at work; try again");
    const auto lines = co_await run();
    running_ = false;
    if (!lines) {
        log::error({}, fmt::format("Reload: all stays as it was: {}", lines.error().text()));
        co_return fail(errc::rejected, fmt::format("all stays as it was: {}", lines.error().text()));
    }
    boost::json::array told;
    for (const auto& line : *lines) {
        log::info({}, fmt::format("Reload: {}", line));
        told.push_back(boost::json::value(line));
    }
    co_return boost::json::serialize(boost::json::object{{"lines", std::move(told)}});
}

net::task<> gate_reloader::log_outcome(gate_reloader* self) { (void)co_await self->reload(); }

void gate_reloader::reload_by_signal() { host_.loops().at(0).spawn("reload", log_outcome(this)); }

}  // namespace sallyport::cli
