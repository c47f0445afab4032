#pragma once
// What a capture has of one TCP connection: SYNs and their answers, bytes, and how it ended.
//
// A value for one thread. Times are microseconds since 1970.

#include <cstdint>
#include <optional>

#include <sallyport/base/address.hpp>
#include <sallyport/diagnosis/facts.hpp>
#include <sallyport/doctor/packet.hpp>

namespace sallyport::doctor {

class capture_connection {
public:
    capture_connection() = default;
    /// A connection without an answer for so long has failed.
    static constexpr std::int64_t patience_us = 5'000'000;

    /// `opener` has sent the first SYN.
    capture_connection(const endpoint& opener, const endpoint& target, std::int64_t us);

    void add(const packet& p, std::int64_t us);

    [[nodiscard]] const endpoint& opener() const noexcept { return opener_; }
    [[nodiscard]] const endpoint& target() const noexcept { return target_; }
    [[nodiscard]] bool is_established() const noexcept { return established_; }
    [[nodiscard]] bool is_refused() const noexcept { return !established_ && seen_.refusals > 0; }
    /// It has waited for long enough, or has asked twice, without an answer that it has confirmed. `end_us`: of the capture.
    [[nodiscard]] bool is_unanswered(std::int64_t end_us) const noexcept {
        return !established_ && (seen_.syns > 1 || end_us - started_us_ >= patience_us);
    }
    [[nodiscard]] bool is_rejected() const noexcept { return !established_ && seen_.icmp_sender.has_value(); }
    /// Why it was not established. Nothing: it was, or the capture ends before an answer.
    [[nodiscard]] std::optional<diagnosis::method_result> failure(std::int64_t end_us) const noexcept {
        using enum diagnosis::method_result;
        if (is_rejected()) return unreachable;
        if (is_refused()) return refused;
        return is_unanswered(end_us) ? std::optional(silent) : std::nullopt;
    }
    [[nodiscard]] bool was_reset() const noexcept { return established_ && reset_; }
    [[nodiscard]] bool has_ended() const noexcept { return seen_.end_ms.has_value() || reset_; }
    [[nodiscard]] std::int64_t started_us() const noexcept { return started_us_; }
    /// Of the last packet that was not the same again: new bytes, or a step of its opening or end.
    [[nodiscard]] std::int64_t progress_us() const noexcept { return progress_us_; }
    [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
    [[nodiscard]] const diagnosis::packet_facts& seen() const noexcept { return seen_; }

private:
    void add_icmp(const packet& p);
    void add_bytes(const packet& p, std::int64_t us);

    struct direction {
        // The end of what was sent.
        std::optional<std::uint32_t> sent{};
        unsigned repeats = 0;
    };
    endpoint opener_;
    endpoint target_;
    std::int64_t started_us_ = 0;
    std::int64_t progress_us_ = 0;
    bool established_ = false;
    bool reset_ = false;
    std::uint64_t bytes_ = 0;
    direction of_opener_;
    direction of_target_;
    diagnosis::packet_facts seen_;
};

}  // namespace sallyport::doctor
