#include <sallyport/gate/input_chain.hpp>

#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sallyport/base/log.hpp>
#include <sallyport/firewall/interception_text.hpp>

namespace sallyport::gate {
namespace {

// A single request may be between the two counters, or lost for another reason; a client whose requests are dropped repeats
// them.
constexpr std::int32_t noise = 2;
constexpr auto notice_interval = std::chrono::minutes(1);

}  // namespace

std::optional<std::uint32_t> dropped_request_count::note(std::uint32_t total, clock::time_point now) {
    const auto since_last = static_cast<std::int32_t>(total - std::exchange(last_, total));
    const auto unreported = static_cast<std::int32_t>(total - reported_);
    if (since_last <= 0 || unreported < noise || now < next_) return std::nullopt;
    next_ = now + notice_interval;
    reported_ = total;
    return static_cast<std::uint32_t>(unreported);
}

net::task<> watch_input_chain(net::loop& loop, interception_settings settings, net::clock::duration interval) {
    firewall::interception_settings kernel;
    for (const auto& rule : settings.rules) kernel.interceptions.push_back(rule.connections);
    dropped_request_count count;
    bool failed = false;
    for (;;) {
        co_await loop.sleep_for(interval);
        const auto total = settings.dropped_requests();
        if (!total) {
            // Without the helper, nothing is intercepted either. A single query may fail, and is repeated.
            if (!std::exchange(failed, true))
                log::warning({},
                             fmt::format("Whether an input chain of this machine drops intercepted connection requests is "
                                         "not known: {}; the gateway asks again",
                                         total.error().text()));
            continue;
        }
        failed = false;
        const auto dropped = count.note(*total, net::clock::now());
        if (!dropped) continue;
        const auto lines = firewall::administrator_rules(kernel, firewall::firewall_format::nftables).input;
        log::warning({},
                     fmt::format("{} connection requests were intercepted, but an input chain of this machine dropped them: "
                                 "it must accept the control ports. For nft: {}. `sallyport gate plan --for` prints the "
                                 "lines for other firewalls",
                                 *dropped, fmt::join(lines, "; ")));
    }
}

}  // namespace sallyport::gate
