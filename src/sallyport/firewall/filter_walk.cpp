#include <sallyport/firewall/filter_walk.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::firewall {
namespace {

// As in the kernel: a chain cannot be nested deeper.
constexpr int max_depth = 16;

[[nodiscard]] bool has_port(const filter_rule& rule, std::uint16_t port) {
    return !rule.ports || std::ranges::any_of(*rule.ports, [port](const port_range& r) { return r.contains(port); });
}

[[nodiscard]] filter_outcome outcome_of(filter_action action) {
    if (action == filter_action::accept) return filter_outcome::accepted;
    return action == filter_action::drop ? filter_outcome::dropped : filter_outcome::rejected;
}

/// The walk of one packet through one base chain.
class walker {
public:
    walker(const packet_filter& filter, bool v4, std::uint16_t port) : filter_(filter), v4_(v4), port_(port) {}

    [[nodiscard]] filter_decision decide(const filter_chain& base) {
        auto found = visit(base, 0, false);
        if (!found && base.drops_by_policy)
            found = filter_decision{filter_outcome::dropped, false, base.place, "policy drop"};
        auto out = found.value_or(filter_decision{});
        out.depends = out.outcome == filter_outcome::accepted ? may_block_ : may_accept_;
        return out;
    }

private:
    /// `doubtful`: only some packets enter the chain.
    // NOLINTNEXTLINE(misc-no-recursion): max_depth bounds it.
    [[nodiscard]] std::optional<filter_decision> visit(const filter_chain& chain, int depth, bool doubtful) {
        for (const auto& rule : chain.rules) {
            if ((v4_ ? !rule.v4 : !rule.v6) || !has_port(rule, port_)) continue;
            const bool unsure = doubtful || rule.partial;
            switch (rule.action) {
                case filter_action::none: break;
                case filter_action::leave:
                    if (!unsure) return std::nullopt;
                    break;
                case filter_action::jump:
                case filter_action::go_to: {
                    const auto target = filter_.chains.find(rule.target);
                    if (target == filter_.chains.end() || depth >= max_depth) break;
                    if (auto decided = visit(target->second, depth + 1, unsure)) return decided;
                    if (rule.action == filter_action::go_to && !unsure) return std::nullopt;
                    break;
                }
                case filter_action::elsewhere: may_accept_ = may_block_ = true; break;
                case filter_action::accept:
                case filter_action::drop:
                case filter_action::reject: {
                    const auto outcome = outcome_of(rule.action);
                    if (!unsure) return filter_decision{outcome, false, chain.place, rule.text};
                    (outcome == filter_outcome::accepted ? may_accept_ : may_block_) = true;
                    break;
                }
            }
        }
        return std::nullopt;
    }

    const packet_filter& filter_;
    const bool v4_;
    const std::uint16_t port_;
    bool may_accept_ = false;
    bool may_block_ = false;
};

}  // namespace

// A rule for related connections is worth knowing also if it does not match new ones.
void packet_filter::add(const std::string& chain, listed_rule r) {
    accepts_related = accepts_related || (r.related && r.rule.action == filter_action::accept);
    if (!r.never && r.rule.action != filter_action::none) chains[chain].rules.push_back(std::move(r.rule));
}

void packet_filter::add(packet_filter more) {
    accepts_related = accepts_related || more.accepts_related;
    chains.merge(std::move(more.chains));
}

filter_decision walk(const packet_filter& filter, bool v4, std::uint16_t port) {
    std::vector<const filter_chain*> bases;
    for (const auto& [key, chain] : filter.chains)
        if (chain.is_base && (v4 ? chain.v4 : chain.v6)) bases.push_back(&chain);
    std::ranges::stable_sort(bases, {}, &filter_chain::priority);
    filter_decision out;
    for (const auto* base : bases) {
        const auto decided = walker(filter, v4, port).decide(*base);
        if (decided.outcome != filter_outcome::accepted) return decided;
        out.depends = out.depends || decided.depends;
    }
    return out;
}

std::vector<blocked_ports> find_blocked(const packet_filter& filter, bool v4, const port_range& range) {
    std::vector<blocked_ports> out;
    for (std::uint32_t number = range.first; number <= range.last; ++number) {
        const auto port = static_cast<std::uint16_t>(number);
        auto decision = walk(filter, v4, port);
        if (decision.outcome == filter_outcome::accepted) continue;
        const bool same = !out.empty() && out.back().ports.last + 1U == number &&
                          out.back().decision.rule == decision.rule && out.back().decision.place == decision.place &&
                          out.back().decision.depends == decision.depends;
        if (same)
            out.back().ports.last = port;
        else
            out.push_back({{port, port}, v4, std::move(decision)});
    }
    return out;
}

}  // namespace sallyport::firewall
