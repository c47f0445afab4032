#include <sallyport/doctor/server_view.hpp>

#include <utility>

#include <sallyport/proto/client_side/site_doctor.hpp>

namespace sallyport::doctor {
namespace {

using diagnosis::method_result;

diagnosis::server_view view_of(proto::site_doctor_session from) {
    return {.peer = from.peer,
            .negotiated = std::move(from.negotiated),
            .source = from.data.source,
            .others = std::move(from.data.others)};
}

net::task<std::optional<proto::site_doctor_facts>> ask(client::connection& session) {
    const auto reply = co_await session.request(proto::verb::site, "DOCTOR");
    if (!reply) co_return std::nullopt;
    auto read = proto::parse_site_doctor(*reply);
    if (!read) co_return std::nullopt;
    co_return std::move(*read);
}

}  // namespace

net::task<std::optional<diagnosis::server_view>> ask_server(client::connection& session,
                                                            const diagnosis::method_facts& attempt) {
    const auto how = attempt.result;
    const bool answers = how != method_result::verb_dropped && how != method_result::stalled && how != method_result::failed;
    if (!session.is_open() || !answers) co_return std::nullopt;
    auto known = co_await ask(session);
    if (!known) co_return std::nullopt;
    co_return view_of(std::move(known->own));
}

net::task<std::optional<std::vector<diagnosis::server_view>>> ask_for_other_sessions(client::connection& session) {
    auto known = co_await ask(session);
    if (!known) co_return std::nullopt;
    std::vector<diagnosis::server_view> out;
    for (auto& each : known->others) out.push_back(view_of(std::move(each)));
    co_return out;
}

}  // namespace sallyport::doctor
