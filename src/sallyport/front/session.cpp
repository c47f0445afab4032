#include <sallyport/front/session.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::front {

session::session(arrival& from)
    : id_(std::move(from.id)),
      client_address_(from.connection.peer.address),
      admitted_(std::move(from.admitted)),
      list_(std::move(from.list)),
      place_(list_->sessions_.size()) {
    list_->sessions_.push_back(this);
}

session::~session() {
    auto& all = list_->sessions_;
    all[place_] = all.back();
    all[place_]->place_ = place_;
    all.pop_back();
}

void session::log(log::level at, std::string_view text) const {
    if (log_limited_)
        log::write_limited(at, id_, client_address_, text);
    else
        log::write(at, id_, text);
}

std::shared_ptr<session> roster::find(std::string_view id) const {
    const auto found = std::ranges::find(sessions_, id, &session::id);
    return found == sessions_.end() ? nullptr : (*found)->shared_from_this();
}

std::size_t roster::describe(std::size_t from, std::vector<status::session_report>& into) const {
    from = std::min(from, sessions_.size());
    const std::size_t to = from - std::min(from, limits::survey_step);
    while (from > to) into.push_back(sessions_[--from]->describe());
    return to;
}

void roster::for_each(void (session::*what)()) {
    std::vector<std::shared_ptr<session>> alive;
    alive.reserve(sessions_.size());
    for (session* s : sessions_) alive.push_back(s->shared_from_this());
    for (const auto& s : alive) (s.get()->*what)();
}

}  // namespace sallyport::front
