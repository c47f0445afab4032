#include <sallyport/frontend/session.hpp>

#include <algorithm>
#include <utility>

#include <sallyport/base/limits.hpp>

namespace sallyport::frontend {

session::session(admitted_connection& from)
    : id_(std::move(from.id)),
      number_(from.number),
      client_address_(from.connection.peer.address),
      slot_(std::move(from.slot)),
      list_(std::move(from.sessions)),
      index_(list_->sessions_.size()) {
    list_->sessions_.push_back(this);
}

session::~session() {
    auto& all = list_->sessions_;
    all[index_] = all.back();
    all[index_]->index_ = index_;
    all.pop_back();
}

void session::log(log::level at, std::string_view text) const {
    if (log_limited_)
        log::write_limited(at, log_subject(), client_address_, text);
    else
        log::write(at, log_subject(), text);
}

std::shared_ptr<session> session_list::find(std::string_view id) const {
    const auto found = std::ranges::find(sessions_, id, &session::id);
    return found == sessions_.end() ? nullptr : (*found)->shared_from_this();
}

std::size_t session_list::describe_batch(std::size_t from, std::vector<status::session_report>& into) const {
    from = std::min(from, sessions_.size());
    const std::size_t to = from - std::min(from, limits::snapshot_batch);
    while (from > to) into.push_back(sessions_[--from]->describe());
    return to;
}

void session_list::for_each(void (session::*action)()) {
    std::vector<std::shared_ptr<session>> alive;
    alive.reserve(sessions_.size());
    for (session* s : sessions_) alive.push_back(s->shared_from_this());
    for (const auto& s : alive) (s.get()->*action)();
}

}  // namespace sallyport::frontend
