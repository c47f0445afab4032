#include <sallyport/frontend/doctor_sessions.hpp>

#include <string_view>

#include <sallyport/proto/client_side/login_rules.hpp>

namespace sallyport::frontend {
namespace {

/// Also at a forward proxy, where the server follows: "anonymous@ftp.example.org".
[[nodiscard]] bool is_anonymous(std::string_view name) noexcept {
    return name.empty() || proto::is_anonymous_name(name.substr(0, name.rfind('@')));
}

}  // namespace

void doctor_sessions::entry::publish(const doctor_user& user, const proto::site_doctor_session& seen) {
    if (is_anonymous(user.name)) return withdraw();
    const std::scoped_lock lock(all_.mutex_);
    auto& own = all_.items_[this];
    is_listed_ = true;
    if (own.user != user) own.user = user;
    if (own.seen != seen) own.seen = seen;
}

void doctor_sessions::entry::withdraw() noexcept {
    if (!is_listed_) return;
    const std::scoped_lock lock(all_.mutex_);
    all_.items_.erase(this);
    is_listed_ = false;
}

std::vector<proto::site_doctor_session> doctor_sessions::entry::others() const {
    std::vector<proto::site_doctor_session> out;
    if (!is_listed_) return out;
    const std::scoped_lock lock(all_.mutex_);
    const auto& own = all_.items_.at(this);
    for (const auto& [who, each] : all_.items_)
        if (who != this && each.user == own.user && out.size() < proto::max_other_sessions) out.push_back(each.seen);
    return out;
}

}  // namespace sallyport::frontend
