// What a router with UPnP sends: the answer to a search, notifications, replies of HTTP, its description, and replies of its
// service.
// - Only the router itself is named for further requests.

#include <string>

#include <sallyport/reach/upnp_messages.hpp>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sallyport;
    using sallyport::fuzz::check;
    const auto text = sallyport::fuzz::text_of(data, size);
    for (const bool at_end : {false, true}) {
        const auto reply = reach::parse_http_reply(text, at_end);
        if (!reply || !*reply) continue;
        check((*reply)->body.size() <= size, "a body is a part of the reply");
        (void)reach::soap_value(**reply, "NewExternalIPAddress");
    }
    const std::string xml(text);
    (void)reach::soap_value({200, xml}, "NewInternalClient");
    for (const auto& router : {ip_address::v4({192, 168, 0, 1}), *ip_address::parse("fe80::1%2")}) {
        for (const auto& place : {reach::read_search_answer(text, router), reach::read_notification(text, router)})
            if (place) check(place->description.at.address == router, "the description is the router's");
        const reach::http_url from{.at = {router, 5000}, .path = "/"};
        const auto service = reach::parse_description(xml, from);
        if (!service) continue;
        check(service->control.at.address == router, "the service is the router's");
        const auto request = reach::soap_request(*service, "GetExternalIPAddress", {});
        check(request.find("\r\n\r\n") != std::string::npos, "a request is complete");
        check(request.substr(0, request.find("\r\n")).ends_with(" HTTP/1.1"), "the path is in one line");
    }
    return 0;
}
