#include <sallyport/doctor/server_view.hpp>

#include <utility>

#include <sallyport/proto/client_side/site_doctor.hpp>

namespace sallyport::doctor {

using diagnosis::method_result;

net::task<std::optional<diagnosis::server_view>> ask_server(client::connection& session,
                                                            const diagnosis::method_facts& attempt) {
    const auto how = attempt.result;
    const bool answers = how != method_result::verb_dropped && how != method_result::stalled && how != method_result::failed;
    if (!session.is_open() || !answers) co_return std::nullopt;
    const auto reply = co_await session.request(proto::verb::site, "DOCTOR");
    if (!reply) co_return std::nullopt;
    auto read = proto::parse_site_doctor(*reply);
    if (!read) co_return std::nullopt;
    co_return diagnosis::server_view{.peer = read->peer,
                                     .negotiated = std::move(read->negotiated),
                                     .source = read->data.source,
                                     .others = std::move(read->data.others)};
}

}  // namespace sallyport::doctor
