#include <sallyport/front/admission.hpp>

namespace sallyport::front {

ticket::~ticket() {
    if (owner_) owner_->leave(from_);
}

std::optional<ticket> admission::admit(const ip_address& from) {
    if (counters_.sessions_open.fetch_add(1, std::memory_order_relaxed) >= most_) {
        status::uncount(counters_.sessions_open);
        return std::nullopt;
    }
    if (most_per_address_ != 0) {
        const std::lock_guard lock(mutex_);
        std::size_t& here = by_address_[from];
        if (here >= most_per_address_) {
            status::uncount(counters_.sessions_open);
            return std::nullopt;
        }
        ++here;
    }
    status::count(counters_.sessions_total);
    return ticket(shared_from_this(), from);
}

void admission::leave(const ip_address& from) {
    if (most_per_address_ != 0) {
        const std::lock_guard lock(mutex_);
        const auto found = by_address_.find(from);
        if (found != by_address_.end() && --found->second == 0) by_address_.erase(found);
    }
    status::uncount(counters_.sessions_open);
}

}  // namespace sallyport::front
