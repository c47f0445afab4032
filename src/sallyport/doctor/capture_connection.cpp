#include <sallyport/doctor/capture_connection.hpp>

#include <algorithm>

namespace sallyport::doctor {

namespace {

/// A segment of this size fills a packet, or nearly so: options and tunnels take a part.
constexpr std::size_t full_segment = 1000;

[[nodiscard]] std::int64_t ms_between(std::int64_t from, std::int64_t to) {
    return std::max<std::int64_t>(0, (to - from) / 1000);
}

}  // namespace

capture_connection::capture_connection(const endpoint& opener, const endpoint& target, std::int64_t us)
    : opener_(opener), target_(target), started_us_(us), progress_us_(us) {}

void capture_connection::add(const packet& p, std::int64_t us) {
    if (p.icmp) return add_icmp(p);
    if (p.syn || p.rst || p.fin) progress_us_ = us;
    const bool of_opener = p.from == opener_;
    if (p.syn && !p.ack && of_opener) ++seen_.syns;
    if (p.syn && p.ack && !of_opener) {
        ++seen_.syn_acks;
        seen_.answer_ttl = p.ttl;
    }
    if (p.rst) {
        if (established_) {
            // After a FIN it is the usual end of a socket that was closed before all was read.
            reset_ = reset_ || !seen_.end_ms;
        } else if (!of_opener) {
            ++seen_.refusals;
            seen_.answer_ttl = p.ttl;
        }
        return;
    }
    // The opener has got the answer to its SYN; or the capture has begun later.
    const bool is_confirmed = !p.syn && p.ack && of_opener && (seen_.syn_acks > 0 || seen_.syns == 0);
    established_ = established_ || is_confirmed || (p.size > 0 && !p.syn);
    if (p.size > 0) add_bytes(p, us);
    if (p.fin && !seen_.end_ms) seen_.end_ms = ms_between(started_us_, us);
}

void capture_connection::add_icmp(const packet& p) {
    const bool v4 = p.icmp->sender.is_v4();
    const bool too_big = v4 ? p.icmp->type == 3 && p.icmp->code == 4 : p.icmp->type == 2;
    const bool is_unreachable = p.icmp->type == (v4 ? 3 : 1);
    if (too_big) {
        seen_.size_reported = true;
    } else if (is_unreachable && !seen_.icmp_sender) {
        seen_.icmp_sender = p.icmp->sender;
        seen_.icmp_type = p.icmp->type;
        seen_.icmp_code = p.icmp->code;
        seen_.answer_ttl = p.ttl;
    }
}

void capture_connection::add_bytes(const packet& p, std::int64_t us) {
    auto& way = p.from == opener_ ? of_opener_ : of_target_;
    const auto end = p.sequence + static_cast<std::uint32_t>(p.size);
    const bool is_new = !way.sent || static_cast<std::int32_t>(end - *way.sent) > 0;
    if (is_new) {
        bytes_ += way.sent ? std::min<std::uint64_t>(p.size, end - *way.sent) : p.size;
        way.sent = end;
        way.repeats = 0;
        progress_us_ = us;
        seen_.last_byte_ms = ms_between(started_us_, us);
    } else if (p.size >= full_segment) {
        ++way.repeats;
    }
    seen_.repeated_full = std::max(of_opener_.repeats, of_target_.repeats);
}

}  // namespace sallyport::doctor
