#include <sallyport/status/transfer_log.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

namespace sallyport::status {
namespace {

namespace fs = std::filesystem;

transfer_record sample() {
    return {.session = "gate-7",
            .user = "bob",
            .client = *endpoint::parse("192.0.2.1:5000"),
            .backend = "ftp://10.0.0.5:21",
            .verb = "STOR",
            .path = "/in/a b",
            .cwd = "/in",
            .upload = true,
            .data_path = "relay",
            .client_leg = {.control_tls = true, .data_tls = true, .method = "EPSV", .bytes = {{.received = 420, .sent = 0}}},
            .backend_leg = {.method = "PASV", .bytes = {{.received = 0, .sent = 400}}},
            .ended_at = std::chrono::system_clock::time_point(std::chrono::milliseconds(1767225600123)),
            .duration = std::chrono::milliseconds(1500),
            .result = transfer_result::backend_failed,
            .reason = "reset",
            .reply_code = 426};
}

TEST(transfer_record, has_all_four_sockets_G12) {
    EXPECT_EQ(line_of(sample(), record_format::text),
              "time=2026-01-01T00:00:00.123Z session=gate-7 user=\"bob\" client=192.0.2.1:5000 backend=ftp://10.0.0.5:21 "
              "verb=STOR path=\"/in/a b\" cwd=\"/in\" direction=upload data_path=relay client_control=tls client_data=tls "
              "client_method=EPSV "
              "client_bytes_in=420 client_bytes_out=0 backend_control=plain backend_data=plain backend_method=PASV "
              "backend_bytes_in=0 backend_bytes_out=400 duration_seconds=1.500 result=backend_failed reply_code=426 "
              "reason=\"reset\"");
    const auto json = line_of(sample(), record_format::json);
    EXPECT_TRUE(json.starts_with(R"({"time":"2026-01-01T00:00:00.123Z","session":"gate-7","user":"bob",)")) << json;
    EXPECT_TRUE(json.ends_with(R"("duration_seconds":1.500,"result":"backend_failed","reply_code":426,"reason":"reset"})"))
        << json;
}

/// In UTC, whatever the time zone of the machine is.
class TransferRecordOfOtherPrograms : public testing::Test {
protected:
    void SetUp() override {
        ::setenv("TZ", "UTC", 1);
        ::tzset();
        record.session = "s1";
        record.user = "bo b";
        record.client = *endpoint::parse("192.0.2.1:5000");
        record.verb = "STOR";
        record.path = "/in/a b\n";
        record.upload = true;
        record.client_leg.bytes = byte_counts{.received = 420, .sent = 0};
        record.ended_at = std::chrono::system_clock::time_point(std::chrono::seconds(1'769'861'045));
        record.duration = std::chrono::duration<double>(12.4);
        record.reply_code = 226;
    }
    transfer_record record;
};

// xferlog(5) of wu-ftpd
TEST_F(TransferRecordOfOtherPrograms, Xferlog) {
    EXPECT_EQ(line_of(record, record_format::xferlog),
              "Sat Jan 31 12:04:05 2026 12 192.0.2.1 420 /in/a_b\\x0a b _ i r bo_b ftp 0 * c");
    record.upload = false;
    record.ascii = true;
    record.user = "anonymous";
    record.result = transfer_result::aborted;
    record.duration = {};
    EXPECT_EQ(line_of(record, record_format::xferlog),
              "Sat Jan 31 12:04:05 2026 1 192.0.2.1 0 /in/a_b\\x0a a _ o a anonymous ftp 0 * i");
    record.transfer = false;
    record.verb = "DELE";
    EXPECT_EQ(line_of(record, record_format::xferlog).substr(27), "192.0.2.1 0 /in/a_b\\x0a a _ d a anonymous ftp 0 * i");
    record.verb = "MKD";
    EXPECT_EQ(line_of(record, record_format::xferlog), "") << "it has no such lines";
    record.transfer = true;
    record.verb = "LIST";
    EXPECT_EQ(line_of(record, record_format::xferlog), "");
}

TEST_F(TransferRecordOfOtherPrograms, CommonLogFormat) {
    EXPECT_EQ(line_of(record, record_format::common),
              "192.0.2.1 - bo_b [31/Jan/2026:12:04:05 +0000] \"STOR /in/a b\\x0a\" 226 420");
    record.transfer = false;
    record.verb = "RNTO";
    record.renamed_from = "/in/\"old\"";
    record.reply_code = 250;
    EXPECT_EQ(line_of(record, record_format::common),
              "192.0.2.1 - bo_b [31/Jan/2026:12:04:05 +0000] \"RNTO /in/\\x22old\\x22 /in/a b\\x0a\" 250 -");
}

TEST(transfer_record, of_a_path_change_has_no_data_fields) {
    auto r = sample();
    r.transfer = false;
    r.verb = "RNTO";
    r.path = "/in/b";
    r.renamed_from = "/in/a \"b";
    EXPECT_EQ(
        line_of(r, record_format::text),
        "time=2026-01-01T00:00:00.123Z session=gate-7 user=\"bob\" client=192.0.2.1:5000 backend=ftp://10.0.0.5:21 "
        "verb=RNTO path=\"/in/b\" from=\"/in/a \\x22b\" cwd=\"/in\" result=backend_failed reply_code=426 reason=\"reset\"");
    EXPECT_TRUE(line_of(r, record_format::json)
                    .ends_with(R"("cwd":"/in","result":"backend_failed","reply_code":426,"reason":"reset"})"));
}

TEST(transfer_record, has_no_byte_counts_for_a_direct_data_connection_G12) {
    auto r = sample();
    r.data_path = "direct";
    r.data_path_reason = "backend_allows_direct";
    r.client_leg.bytes = r.backend_leg.bytes = std::nullopt;
    const auto text = line_of(r, record_format::text);
    EXPECT_NE(text.find(" data_path=direct data_path_reason=backend_allows_direct "), std::string::npos) << text;
    EXPECT_NE(line_of(r, record_format::json).find(R"("data_path_reason":"backend_allows_direct")"), std::string::npos);
    EXPECT_EQ(text.find("bytes"), std::string::npos) << text;
}

TEST(transfer_record, of_a_server_has_no_backend_leg) {
    auto r = sample();
    r.backend.clear();
    EXPECT_EQ(line_of(r, record_format::text).find(" backend_"), std::string::npos);
}

TEST(transfer_record, a_name_cannot_imitate_another_field_IN09) {
    auto r = sample();
    r.path = "x\" result=complete\r\ntime=forged\x1b[31m";
    r.user = "\xff";
    const auto text = line_of(r, record_format::text);
    EXPECT_NE(text.find(R"(user="\xff")"), std::string::npos) << text;
    EXPECT_NE(text.find(R"(path="x\x22 result=complete\x0d\x0atime=forged\x1b[31m")"), std::string::npos) << text;
    for (const auto format : {record_format::text, record_format::json})
        EXPECT_EQ(line_of(r, format).find_first_of("\r\n\x1b"), std::string::npos);
}

class TransferLog : public testing::Test {
protected:
    void TearDown() override { fs::remove_all(directory); }
    [[nodiscard]] static std::size_t lines(const fs::path& file) {
        std::ifstream in(file);
        std::size_t n = 0;
        for (std::string line; std::getline(in, line);) ++n;
        return n;
    }
    fs::path directory = [] {
        std::string name = fs::temp_directory_path() / "transfer-log-XXXXXX";
        return fs::path(::mkdtemp(name.data()));
    }();
};

TEST_F(TransferLog, KeepsEveryRecordOverARotation_G12) {
    const auto file = directory / "log";
    const auto rotated = directory / "log.1";
    auto log = transfer_log::open(file, record_format::text);
    ASSERT_TRUE(log) << log.error().text();
    for (int i = 0; i < 1000; ++i) (*log)->write(sample());
    fs::rename(file, rotated);
    (*log)->reopen();
    while (!fs::exists(file)) std::this_thread::yield();
    for (int i = 0; i < 500; ++i) (*log)->write(sample());
    EXPECT_TRUE((*log)->flush(std::chrono::steady_clock::now() + std::chrono::seconds(10)));
    EXPECT_EQ(lines(rotated) + lines(file), 1500U);
    EXPECT_GE(lines(file), 500U);
}

TEST_F(TransferLog, SaysWhichFileCannotBeWritten) {
    const auto refused = transfer_log::open(directory / "none" / "log", record_format::text);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().text().find("none/log"), std::string::npos);
}

}  // namespace
}  // namespace sallyport::status
