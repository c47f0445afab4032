#include <sallyport/reach/upnp_messages.hpp>

#include <gtest/gtest.h>

namespace sallyport::reach {
namespace {

const ip_address router = *ip_address::parse("192.168.77.1");
const ip_address gateway = *ip_address::parse("fe80::1%2");
const http_url description{.at = {router, 5000}, .path = "/rootDesc.xml"};

std::string found_at(std::string_view url) {
    return "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nLocation: " + std::string(url) + "\r\nST: x\r\n\r\n";
}

std::string notification(std::string_view kind = "ssdp:alive") {
    return "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nLOCATION: http://192.168.77.1:5000/rootDesc.xml\r\nNT: x\r\n"
           "NTS: " +
           std::string(kind) + "\r\nBOOTID.UPNP.ORG: 17\r\n\r\n";
}

std::string device(std::string_view control, std::string_view type = "WANIPConnection:2") {
    return "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device><deviceType>urn:schemas-upnp-org:"
           "device:InternetGatewayDevice:1</deviceType><deviceList><device><deviceType>urn:schemas-upnp-org:device:"
           "WANConnectionDevice:1</deviceType><serviceList><service><serviceType>urn:schemas-upnp-org:service:" +
           std::string(type) + "</serviceType><controlURL>" + std::string(control) +
           "</controlURL></service></serviceList></device></deviceList></device></root>";
}

TEST(HttpUrl, OnlyAnAddressIsAHost) {
    const auto url = http_url::parse("http://192.168.77.1:5000/a?b");
    ASSERT_TRUE(url);
    EXPECT_EQ(url->at.text(), "192.168.77.1:5000");
    EXPECT_EQ(url->path, "/a?b");
    EXPECT_EQ(http_url::parse("http://192.168.77.1")->at.port, 80);
    for (const auto* text : {"", "http://", "https://192.168.77.1/", "http://router/", "http://u@192.168.77.1/",
                             "http://192.168.77.1:0/", "http://192.168.77.1:70000/", "http://192.168.77.1:/",
                             "http://192.168.77.1/\r\nHost: x", "http://192.168.77.1/a b", "http://::1/", "http://[::1/",
                             "http://[::1]x/", "http://[]/", "http://[192.168.77.1]/"})
        EXPECT_FALSE(http_url::parse(text)) << text;
    const auto over_ipv6 = http_url::parse("http://[2001:db8::1]:5000/a");
    ASSERT_TRUE(over_ipv6);
    EXPECT_EQ(over_ipv6->at.text(), "[2001:db8::1]:5000");
    EXPECT_EQ(http_url::parse("http://[2001:db8::1]")->at.port, 80);
}

TEST(SearchAnswer, OnlyTheRouterItselfIsAsked) {
    EXPECT_EQ(read_search_answer(found_at("http://192.168.77.1:5000/rootDesc.xml"), router), (upnp_place{description, ""}));
    EXPECT_FALSE(read_search_answer(found_at("http://192.168.77.66:5000/rootDesc.xml"), router));
    EXPECT_FALSE(read_search_answer(found_at("http://127.0.0.1:5000/rootDesc.xml"), router));
    EXPECT_FALSE(read_search_answer("HTTP/1.1 200 OK\r\n\r\n", router));
    EXPECT_FALSE(read_search_answer(notification(), router));
}

// Over IPv6 a router names any of its addresses.
TEST(SearchAnswer, OverIpv6TheGatewayIsAskedWhateverAddressIsNamed) {
    const auto found = read_search_answer(found_at("http://[2001:db8::66]:5000/rootDesc.xml"), gateway);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->description.at, (endpoint{gateway, 5000}));
    EXPECT_FALSE(read_search_answer(found_at("http://192.168.77.1:5000/rootDesc.xml"), gateway));
    EXPECT_FALSE(read_search_answer(found_at("http://[2001:db8::66]:5000/rootDesc.xml"), router));
    EXPECT_TRUE(http_get(found->description).contains("\r\nHost: [fe80::1]:5000\r\n")) << "without the zone";
}

TEST(Notification, HasThePlaceAndTheNumberOfTheStart) {
    EXPECT_EQ(read_notification(notification(), router), (upnp_place{description, "17"}));
    EXPECT_FALSE(read_notification(notification("ssdp:byebye"), router));
    EXPECT_FALSE(read_notification(notification(), *ip_address::parse("192.168.77.66")));
    EXPECT_FALSE(read_notification(found_at("http://192.168.77.1:5000/rootDesc.xml"), router));
    const auto whole = notification();
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(read_notification(std::string_view(whole).substr(0, size), router)) << size;
}

TEST(HttpReply, IsReadInAnyPieces) {
    const std::string body = "0123456789";
    for (const auto& whole :
         {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + body,
          std::string("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n0123\r\n6\r\n456789\r\n0\r\n\r\n")}) {
        std::size_t complete = 0;
        for (std::size_t size = 0; size <= whole.size(); ++size) {
            const auto reply = parse_http_reply(std::string_view(whole).substr(0, size), false);
            ASSERT_TRUE(reply) << size;
            if (*reply) {
                EXPECT_EQ((*reply)->body, body);
                ++complete;
            } else {
                EXPECT_FALSE(parse_http_reply(std::string_view(whole).substr(0, size), true));
            }
        }
        EXPECT_GE(complete, 1U);
    }
    const auto to_the_end = parse_http_reply("HTTP/1.1 500 Error\r\n\r\nrest", true);
    ASSERT_TRUE(to_the_end && *to_the_end);
    EXPECT_EQ((*to_the_end)->status, 500);
    EXPECT_EQ((*to_the_end)->body, "rest");
    EXPECT_FALSE(parse_http_reply("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", false));
    EXPECT_FALSE(parse_http_reply("SSH-2.0-x\r\n\r\n", false));
    EXPECT_FALSE(parse_http_reply("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false));
}

TEST(UpnpDescription, NamesTheServiceForConnections) {
    const auto service = parse_description(device("/ctl/IPConn"), description);
    ASSERT_TRUE(service) << service.error().text();
    EXPECT_EQ(service->control.at, description.at);
    EXPECT_EQ(service->control.path, "/ctl/IPConn");
    const auto old = parse_description(device("http://192.168.77.1:80/x", "WANPPPConnection:1"), description);
    ASSERT_TRUE(old);
    EXPECT_EQ(old->control.at.port, 80);
}

TEST(UpnpDescription, NamesTheServiceForTheFirewallOverIpv6) {
    const http_url over_ipv6{.at = {gateway, 5000}, .path = "/rootDesc.xml"};
    const auto service = parse_description(device("/ctl/IP6FCtl", "WANIPv6FirewallControl:1"), over_ipv6);
    ASSERT_TRUE(service) << service.error().text();
    EXPECT_EQ(service->control.at, over_ipv6.at);
    EXPECT_EQ(service->type, "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1");
    EXPECT_EQ(parse_description(device("http://[2001:db8::66]:1/x", "WANIPv6FirewallControl:1"), over_ipv6)->control.at,
              (endpoint{gateway, 1}));
    EXPECT_EQ(parse_description(device("http://10.0.0.1:80/x", "WANIPv6FirewallControl:1"), over_ipv6).error().code,
              errc::not_allowed);
    EXPECT_EQ(parse_description(device("/ctl/IPConn"), over_ipv6).error().code, errc::not_found);
    EXPECT_EQ(parse_description(device("/x", "WANIPv6FirewallControl:1"), description).error().code, errc::not_found);
}

TEST(UpnpDescription, AServiceOfAnotherHostIsRefused) {
    EXPECT_EQ(parse_description(device("http://10.0.0.1:80/x"), description).error().code, errc::not_allowed);
    EXPECT_EQ(parse_description(device("/x", "Layer3Forwarding:1"), description).error().code, errc::not_found);
    EXPECT_FALSE(parse_description("", description));
    EXPECT_FALSE(parse_description("<root>", description));
}

TEST(Soap, ARequestNamesServiceActionAndArguments) {
    const upnp_service service{.control = {{router, 5000}, "/ctl"}, .type = "urn:x:WANIPConnection:1"};
    const auto request = soap_request(service, "AddPortMapping", {{"NewExternalPort", "21"}});
    EXPECT_TRUE(request.starts_with("POST /ctl HTTP/1.1\r\nHost: 192.168.77.1:5000\r\n"));
    EXPECT_TRUE(request.contains("SOAPAction: \"urn:x:WANIPConnection:1#AddPortMapping\""));
    EXPECT_TRUE(request.contains("<NewExternalPort>21</NewExternalPort>"));
}

TEST(Soap, ValuesAndErrorsAreRead) {
    const http_reply good{
        200, "<s:Envelope><s:Body><u:R><NewExternalIPAddress>5.9.1.1</NewExternalIPAddress></u:R></s:Body></s:Envelope>"};
    EXPECT_EQ(soap_value(good, "NewExternalIPAddress").value(), "5.9.1.1");
    EXPECT_EQ(soap_value(good, "Other").value(), "");
    const http_reply bad{500,
                         "<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></detail></"
                         "s:Fault></s:Body></s:Envelope>"};
    int code = 0;
    const auto refused = soap_value(bad, "x", &code);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, errc::rejected);
    EXPECT_EQ(code, 718);
    EXPECT_FALSE(soap_value({404, ""}, "x"));
}

}  // namespace
}  // namespace sallyport::reach
