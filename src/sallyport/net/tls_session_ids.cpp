#include <sallyport/net/tls_session_ids.hpp>

namespace sallyport::net {

tls_session_ids::entry tls_session_ids::store(std::string_view id, tls_session session) {
    std::string name(id);
    const std::scoped_lock lock(mutex_);
    sessions_.insert_or_assign(name, std::move(session));
    return {shared_from_this(), std::move(name)};
}

tls_session tls_session_ids::find(std::string_view id) const {
    const std::string name(id);
    const std::scoped_lock lock(mutex_);
    const auto found = sessions_.find(name);
    return found == sessions_.end() ? tls_session() : found->second;
}

void tls_session_ids::erase(const std::string& id) {
    const std::scoped_lock lock(mutex_);
    sessions_.erase(id);
}

}  // namespace sallyport::net
