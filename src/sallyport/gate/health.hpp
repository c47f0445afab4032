#pragma once
// What is known of one backend: whether it answers, how fast, and how much of its share it may have (G7).
//
// A value: events and the time come in, nothing else. Guarded by whoever owns it.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <sallyport/gate/gate.hpp>
#include <sallyport/net/deadline.hpp>

namespace sallyport::gate {

enum class condition : std::uint8_t { up, failing };
[[nodiscard]] std::string_view name(condition c) noexcept;

class health {
public:
    void failed(const balancing& rules, std::string reason, net::deadline now);
    void succeeded(net::deadline now);
    /// How long it took to answer.
    void took(net::clock::duration time, net::deadline now);

    [[nodiscard]] condition state() const noexcept { return reason_.empty() ? condition::up : condition::failing; }
    /// To be tried after all others.
    [[nodiscard]] bool rests(net::deadline now) const noexcept { return rests_until_ > now; }
    /// A session is sent there: while it finds out, no second one should.
    void tried(const balancing& rules, net::deadline now);

    /// The part of its weight that counts now, above 0 and at most 1: less than 1 for a while after it came back.
    [[nodiscard]] double share(const balancing& rules, net::deadline now) const noexcept;
    /// A moving mean; nothing where there was no answer lately.
    [[nodiscard]] std::optional<std::chrono::duration<double>> response(net::deadline now) const noexcept;

    /// The last failure, empty where it is up.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }
    [[nodiscard]] net::deadline since() const noexcept { return since_; }

private:
    std::string reason_;
    net::deadline since_{};  // of the present condition; the beginning of the clock: from the start
    net::deadline rests_until_{};
    std::chrono::duration<double> response_{};
    net::deadline response_at_{};
};

}  // namespace sallyport::gate
