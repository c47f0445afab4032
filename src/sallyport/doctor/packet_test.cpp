#include <sallyport/doctor/packet.hpp>

#include <string>

#include <gtest/gtest.h>

namespace sallyport::doctor {
namespace {

using namespace std::string_literals;

/// TCP from port 40000 to 21, with SYN and ACK, sequence number 5 and two bytes.
const auto tcp = "\x9c\x40\x00\x15\x00\x00\x00\x05\x00\x00\x00\x09\x50\x12\xff\xff\x00\x00\x00\x00hi"s;

std::string ipv4(char protocol, const std::string& content, char offset = 0) {
    const auto total = static_cast<char>(20 + content.size());
    return "\x45\x00\x00"s + total + "\x00\x01\x00"s + offset + "\x3d"s + protocol +
           "\x00\x00\xc0\x00\x02\x01\xc6\x33\x64\x07"s + content;
}

std::string ipv6(char next, const std::string& content) {
    const auto address = [](char last) { return "\x20\x01\x0d\xb8"s + std::string(11, '\0') + last; };
    return "\x60\x00\x00\x00\x00"s + static_cast<char>(content.size()) + next + "\x3d"s + address('\1') + address('\2') +
           content;
}

std::string ethernet(const std::string& type, const std::string& content) { return std::string(12, 'm') + type + content; }

void expect_segment(link_layer link, const std::string& bytes) {
    const auto read = read_packet(link, bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->from.port, 40000);
    EXPECT_EQ(read->to.port, 21);
    EXPECT_EQ(read->ttl, 61U);
    EXPECT_EQ(read->sequence, 5U);
    EXPECT_EQ(read->acknowledgment, 9U);
    EXPECT_TRUE(read->syn && read->ack && !read->fin && !read->rst);
    EXPECT_EQ(read->payload, "hi");
    EXPECT_EQ(read->size, 2U);
}

// D3
TEST(packet_test, reads_each_link_layer) {
    const auto ip = ipv4(6, tcp);
    expect_segment(link_layer::ethernet, ethernet("\x08\x00"s, ip));
    expect_segment(link_layer::ethernet, ethernet("\x81\x00\x00\x05\x08\x00"s, ip));
    expect_segment(link_layer::ethernet, ethernet("\x88\xa8\x00\x05\x81\x00\x00\x06\x08\x00"s, ip));
    expect_segment(link_layer::ethernet, ethernet("\x86\xdd"s, ipv6(6, tcp)));
    expect_segment(link_layer::cooked, std::string(14, 's') + "\x08\x00"s + ip);
    expect_segment(link_layer::cooked_v2, "\x08\x00"s + std::string(18, 's') + ip);
    expect_segment(link_layer::raw, ip);
    expect_segment(link_layer::ipv6, ipv6(6, tcp));
    expect_segment(link_layer::null, "\x02\x00\x00\x00"s + ip);
    // Short frames are filled up.
    expect_segment(link_layer::ethernet, ethernet("\x08\x00"s, ip) + std::string(6, '\0'));
}

TEST(packet_test, reads_extension_headers) {
    expect_segment(link_layer::raw, ipv6(0, "\x06\x00\x00\x00\x00\x00\x00\x00"s + tcp));
    expect_segment(link_layer::raw, ipv6(44, "\x06\x00\x00\x00\x00\x00\x00\x01"s + tcp));
    EXPECT_FALSE(read_packet(link_layer::raw, ipv6(44, "\x06\x00\x00\x08\x00\x00\x00\x01"s + tcp))) << "a later fragment";
    EXPECT_FALSE(read_packet(link_layer::raw, ipv4(6, tcp, '\1'))) << "a later fragment";
}

TEST(packet_test, reads_the_segment_that_an_icmp_error_is_about) {
    const auto read = read_packet(link_layer::raw, ipv4(1, "\x03\x0d\x00\x00\x00\x00\x00\x00"s + ipv4(6, tcp.substr(0, 8))));
    ASSERT_TRUE(read && read->icmp);
    EXPECT_EQ(read->icmp->type, 3);
    EXPECT_EQ(read->icmp->code, 13);
    EXPECT_EQ(read->icmp->sender.text(), "192.0.2.1");
    EXPECT_EQ(read->to.text(), "198.51.100.7:21");
    EXPECT_EQ(read->sequence, 5U);
    EXPECT_FALSE(read_packet(link_layer::raw, ipv4(1, "\x08\x00\x00\x00\x00\x00\x00\x00"s + ipv4(6, tcp)))) << "a ping";
    EXPECT_TRUE(read_packet(link_layer::raw, ipv6(58, "\x01\x04\x00\x00\x00\x00\x00\x00"s + ipv6(6, tcp)))->icmp);
}

TEST(packet_test, a_part_of_a_packet_is_no_failure) {
    const auto whole = ethernet("\x08\x00"s, ipv4(6, tcp));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const auto read = read_packet(link_layer::ethernet, whole.substr(0, size));
        // The header of TCP is there, and its payload only on the wire.
        if (read) {
            EXPECT_EQ(read->size, 2U) << size;
        }
        EXPECT_EQ(read.has_value(), size >= 14 + 20 + 20) << size;
    }
}

}  // namespace
}  // namespace sallyport::doctor
