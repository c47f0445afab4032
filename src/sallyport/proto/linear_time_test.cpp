// Parsers of what a peer sends take time in proportion to its length, whatever it contains (RX-07): a test compares the time
// for some input with that for twice as much. Quadratic behavior would be a factor of four.

#include <algorithm>
#include <ctime>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <sallyport/base/escape.hpp>
#include <sallyport/base/virtual_path.hpp>
#include <sallyport/proto/ascii_filter.hpp>
#include <sallyport/proto/block_mode.hpp>
#include <sallyport/proto/command.hpp>
#include <sallyport/proto/host_port.hpp>
#include <sallyport/proto/inside_addresses.hpp>
#include <sallyport/proto/line_buffer.hpp>
#include <sallyport/proto/list_parser.hpp>
#include <sallyport/proto/listing.hpp>
#include <sallyport/proto/proxy_header.hpp>
#include <sallyport/proto/reply.hpp>
#include <sallyport/proto/server_machine.hpp>
#include <sallyport/proto/telnet.hpp>

namespace sallyport::proto {
namespace {

constexpr std::int64_t june_2026 = 1'781'524'800;

struct parser_case {
    std::string name;
    std::function<void(std::string_view)> parse;
};

void PrintTo(const parser_case& c, std::ostream* out) { *out << c.name; }

/// Passes the text in pieces of this size.
template <class Take>
void in_pieces(std::string_view text, std::size_t piece, Take take) {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) take(text.substr(0, piece));
}

void read_lines(std::string_view text, std::size_t piece) {
    line_buffer lines(limits::max_command_line);
    telnet_filter telnet;
    std::string plain;
    std::string answers;
    in_pieces(text, piece, [&](std::string_view part) {
        plain.clear();
        (void)telnet.filter(part, plain, answers);
        lines.append(plain);
        std::string_view line;
        while (lines.next(line) != line_buffer::status::need_more) (void)parse_command(line);
    });
}

void read_replies(std::string_view text, std::size_t piece) {
    reply_parser parser;
    in_pieces(text, piece, [&](std::string_view part) {
        parser.append(part);
        reply r;
        while (parser.next(r) == reply_parser::status::reply) continue;
    });
}

void read_list(std::string_view text) {
    list_parser parser(june_2026);
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size() - 1);
        (void)parser.read(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
    parser.finish();
}

void run_commands(std::string_view text) {
    server_machine machine{server_settings()};
    std::string output;
    in_pieces(text, limits::control_read_size, [&](std::string_view part) {
        machine.receive(part);
        while (!std::holds_alternative<act::need_input>(machine.next())) {
            if (machine.output().empty()) break;
            machine.release_output(output);
        }
        if (!machine.output().empty()) machine.release_output(output);
    });
}

void unwrap_blocks(std::string_view text) {
    std::string bytes(text);
    block_reader reader;
    (void)reader.unwrap(bytes);
}

void convert(std::string_view text) {
    std::string out;
    to_network_ascii to;
    from_network_ascii from;
    to.filter(text, out);
    // The first byte is free for a CR of the previous piece.
    in_pieces(text, 1, [&](std::string_view part) {
        out.assign(1, ' ').append(part);
        (void)from.filter(out, false);
    });
}

void parse_single_values(std::string_view text) {
    (void)parse_command(text);
    (void)mask_secrets(text);
    (void)is_foreign_protocol(text);
    (void)parse_mlsx(text);
    (void)fact_set::parse(text);
    (void)parse_list_line(text, june_2026);
    (void)parse_time(text);
    (void)parse_proxy_header(text);
    (void)is_safe_name(text);
    (void)virtual_path().resolve(text);
    (void)escape(text, text.size());
    (void)telnet_escape(text);
    const inside_addresses inside(*ip_address::parse("192.0.2.1"), *ip_address::parse("192.0.2.2"),
                                  *ip_address::parse("192.0.2.3"), *ip_address::parse("192.0.2.4"));
    (void)inside.hidden(std::string(text));
}

/// What is repeated to make an input.
constexpr std::string_view units[] = {
    "a",
    " ",
    "\r",
    "\n",
    "\r\n",
    "\xff\xf1",
    "\xff\xfd\x01",
    "NOOP\r\n",
    "HELP\r\n",
    "220-a\r\n",
    "220-\r\n 220 \r\n",
    "220 a\r\n",
    "-rw-r--r-- 1 a b 1 Jan  1 00:00 a\r\n",
    "01-02-26  03:04AM <DIR> a\r\n",
    "a;",
    "type=file;",
    "size=1;a=b; ",
    "/a/..",
    "../",
    "1,2,3,4,5,6,",
    "192.0.2.1 ",
    ":",
    "\"",
    "\"\"",
    "%",
    "\x1b[",
    {"\x40\x00\x00", 3},
    "PROXY TCP4 ",
};

class linear_time : public testing::TestWithParam<parser_case> {
protected:
    static double seconds(const parser_case& c, const std::string& text) {
        const auto now = [] {
            timespec at{};
            ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
            return static_cast<double>(at.tv_sec) + static_cast<double>(at.tv_nsec) * 1e-9;
        };
        const double start = now();
        c.parse(text);
        return now() - start;
    }
    static std::string repeated(std::string_view unit, std::size_t bytes) {
        std::string out;
        while (out.size() < bytes) out += unit;
        return out;
    }
};

TEST_P(linear_time, of_each_kind_of_input) {
    constexpr std::size_t size = 32 * 1024;
    for (const std::string_view unit : units) {
        const std::string once = repeated(unit, size);
        const std::string twice = repeated(unit, 2 * size);
        double ratio = 0;
        // Another process can disturb a measurement: the minimum of several counts.
        for (int tries = 0; tries < 5; ++tries) {
            double one = 1;
            double two = 1;
            for (int i = 0; i < 3; ++i) {
                one = std::min(one, seconds(GetParam(), once));
                two = std::min(two, seconds(GetParam(), twice));
            }
            // Too short to be measured, and too short to matter.
            ratio = two < 2e-4 ? 2 : two / one;
            if (ratio < 3) break;
        }
        EXPECT_LT(ratio, 3) << testing::PrintToString(std::string(unit));
    }
}

INSTANTIATE_TEST_SUITE_P(parsers, linear_time,
                         testing::Values(parser_case{"lines", [](std::string_view bytes) { read_lines(bytes, 8192); }},
                                         parser_case{"lines_bytewise", [](std::string_view bytes) { read_lines(bytes, 1); }},
                                         parser_case{"replies", [](std::string_view bytes) { read_replies(bytes, 8192); }},
                                         parser_case{"replies_bytewise",
                                                     [](std::string_view bytes) { read_replies(bytes, 1); }},
                                         parser_case{"listings", read_list}, parser_case{"commands", run_commands},
                                         parser_case{"blocks", unwrap_blocks}, parser_case{"ascii", convert},
                                         parser_case{"values", parse_single_values}),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace sallyport::proto
