#include <sallyport/base/limits.hpp>
#include <sallyport/proto/client_side/deferred_lines.hpp>

#include <algorithm>
#include <utility>

namespace sallyport::proto {

bool deferred_lines::full() const noexcept {
    return lines_.size() >= limits::max_deferred_commands || bytes_ >= limits::max_deferred_bytes;
}

void deferred_lines::push(client_line line) {
    if (line.cmd.id == verb::noop && !lines_.empty() && lines_.back().cmd.id == verb::noop) {
        ++lines_.back().times;
        return;
    }
    bytes_ += line.cmd.argument.size();
    lines_.push_back(std::move(line));
}

client_line deferred_lines::pop() {
    auto& first = lines_.front();
    if (first.times > 1) {
        --first.times;
        return {.cmd = first.cmd};
    }
    auto out = std::move(first);
    bytes_ -= out.cmd.argument.size();
    lines_.erase(lines_.begin());
    return out;
}

bool deferred_lines::has_abort() const noexcept { return std::ranges::any_of(lines_, &client_line::abort_done); }

}  // namespace sallyport::proto
