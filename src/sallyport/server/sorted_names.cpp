#include <sallyport/server/sorted_names.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::server {
namespace {

std::size_t memory_of(const std::string& name) noexcept {
    static const std::size_t inside = std::string().capacity();
    return sizeof name + (name.size() > inside ? name.size() + 2 * sizeof(void*) : 0);
}

}  // namespace

sorted_names::sorted_names(vfs::directory& from, std::function<bool(std::string_view)> wanted,
                           const std::atomic<bool>* cancelled)
    : directory_(from), wanted_(std::move(wanted)), cancelled_(cancelled) {}

result<sorted_names::state> sorted_names::start(std::chrono::steady_clock::time_point until) {
    if (!reading_) start_part();
    do {
        const result<bool> more = read_batch();
        if (!more) return std::unexpected(more.error());
        if (!*more) return state::sorted;
        if (count_ > limits::max_sorted_entries) {
            return_memory();
            return state::too_many;
        }
    } while (std::chrono::steady_clock::now() < until);
    return state::incomplete;
}

result<std::optional<std::string>> sorted_names::next() {
    if (position_ == part_.size() && !complete_) {
        if (const result<void> started = directory_.rewind(); !started) return std::unexpected(started.error());
        start_part();
        while (reading_) {
            if (const result<bool> more = read_batch(); !more) return std::unexpected(more.error());
        }
    }
    if (position_ == part_.size()) return std::nullopt;
    last_ = std::move(part_[position_++]);
    return last_;
}

void sorted_names::return_memory() {
    if (position_ != part_.size()) complete_ = false;
    std::vector<std::string>().swap(part_);
    position_ = 0;
    reading_ = false;
    lease_.release();
}

void sorted_names::start_part() {
    if (!lease_) lease_ = large_buffers().take(limits::sorted_names_size);
    part_.clear();
    position_ = 0;
    complete_ = true;
    end_.clear();
    collected_ = count_ = 0;
    reading_ = true;
}

/// Reads the next names and keeps the first ones after last_. False: the part is complete.
result<bool> sorted_names::read_batch() {
    if (cancelled_ != nullptr && *cancelled_) return fail(errc::cancelled);
    // Half of it for the names that are kept, and half for those that are collected until the next selection.
    const std::size_t kept = (lease_ ? limits::sorted_names_size : limits::small_sorted_names_size) / 2;
    std::vector<std::string> names;
    const result<void> done = directory_.read_names(names);
    if (!done) return std::unexpected(done.error());
    count_ += names.size();
    for (std::string& name : names) {
        if (name <= last_ || (!end_.empty() && name >= end_) || !wanted_(name)) continue;
        collected_ += memory_of(name);
        part_.push_back(std::move(name));
    }
    reading_ = !names.empty();
    if (reading_ && collected_ <= 2 * kept) return true;
    keep_first(kept);
    collected_ = kept;
    if (!part_.empty()) end_ = part_.back();
    return reading_;
}

/// Sorts the names and drops the last ones, if they need more memory; keeps one at least.
void sorted_names::keep_first(std::size_t bytes) {
    std::ranges::sort(part_);
    std::size_t used = 0;
    const auto over =
        std::ranges::find_if(part_, [&](const std::string& name) { return (used += memory_of(name)) > bytes; });
    const auto from = part_.empty() ? over : std::max(over, part_.begin() + 1);
    if (from == part_.end()) return;
    complete_ = false;
    part_.erase(from, part_.end());
}

}  // namespace sallyport::server
