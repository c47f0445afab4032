#include <sallyport/server/wildcard.hpp>

#include <optional>

namespace sallyport::server {
namespace {

using byte_set = std::bitset<256>;

[[nodiscard]] std::size_t index_of(char c) noexcept { return static_cast<unsigned char>(c); }

/// Parses a set such as "[a-z]" at the beginning of `pattern` and removes it; empty if the bracket is not closed.
std::optional<byte_set> parse_set(std::string_view& pattern) {
    std::size_t i = 1;
    const bool negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
    if (negated) ++i;
    // A closing bracket at the beginning is a member of the set.
    const std::size_t end = pattern.find(']', i + 1);
    if (end == std::string_view::npos) return std::nullopt;
    byte_set found;
    for (; i < end; ++i) {
        const std::size_t low = index_of(pattern[i]);
        std::size_t high = low;
        if (i + 2 < end && pattern[i + 1] == '-') {
            high = index_of(pattern[i + 2]);
            i += 2;
        }
        for (std::size_t byte = low; byte <= high; ++byte) found.set(byte);
    }
    pattern.remove_prefix(end + 1);
    return negated ? ~found : found;
}

}  // namespace

wildcard::wildcard(std::string_view pattern) : matching_steps_(256) {
    // If one bracket is not closed, no later one is.
    bool closed_ahead = true;
    while (possible_ && !pattern.empty()) {
        const char c = pattern.front();
        if (c == '*') {
            star_positions_.set(steps_);
            pattern.remove_prefix(1);
            continue;
        }
        std::optional<byte_set> set;
        if (c == '[' && closed_ahead) {
            set = parse_set(pattern);
            closed_ahead = set.has_value();
        }
        if (!set) {
            set = c == '?' ? ~byte_set() : byte_set().set(index_of(c));
            pattern.remove_prefix(1);
        }
        possible_ = add_step(*set);
    }
}

bool wildcard::add_step(const byte_set& bytes) {
    if (steps_ == limits::max_name_bytes) return false;
    for (std::size_t byte = 0; byte < bytes.size(); ++byte) matching_steps_[byte].set(steps_, bytes.test(byte));
    ++steps_;
    return true;
}

bool wildcard::matches(std::string_view name) const noexcept {
    if (!possible_ || name.size() > limits::max_name_bytes) return false;
    positions at;
    at[0] = true;
    for (const char c : name) {
        at = ((at & matching_steps_[index_of(c)]) << 1) | (at & star_positions_);
        if (at.none()) return false;
    }
    return at[steps_];
}

}  // namespace sallyport::server
