// Continued transfers: only of the same file, else from the beginning (CL-05).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <sallyport/client/session_fixture.hpp>

namespace sallyport::client {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::size_t overlap = 65536;

std::string pattern(std::size_t size, unsigned seed = 1) {
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24U);
    return out;
}

const std::string whole = pattern(300'000);
const std::int64_t server_time = *proto::parse_time("20260102030405");
const file_version same{300'000, server_time};

behaviour with(std::string content) {
    behaviour b;
    b.files["file"] = std::move(content);
    return b;
}

run_result<transfer_report> resume(const ftp_stub& server, const memory_file& to,
                                   std::optional<file_version> recorded = same) {
    return run<transfer_report>({job::get, server.url("file"), quick(), to.get(), true, recorded});
}

bool sent(const ftp_stub& server, const std::string& command) { return std::ranges::count(server.commands(), command) > 0; }

// ---- Downloads

TEST(client_resume, continues_a_download_of_the_same_file) {
    ftp_stub server(with(whole));
    const memory_file to(whole.substr(0, 200'000));
    const auto r = resume(server, to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_TRUE(to.content() == whole);
    EXPECT_EQ(r.got->resumed_from, 200'000U);
    EXPECT_EQ(r.got->bytes, 100'000U);
    EXPECT_THAT(r.got->warnings, IsEmpty());
    EXPECT_TRUE(sent(server, "REST " + std::to_string(200'000 - overlap)));
}

TEST(client_resume, nothing_is_added_to_a_download_that_was_complete) {
    ftp_stub server(with(whole));
    const memory_file to(whole);
    const auto r = resume(server, to);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_EQ(r.got->bytes, 0U);
    EXPECT_TRUE(to.content() == whole);
}

/// The download starts from the beginning, with the reason as a warning.
void expect_new_download(behaviour b, std::string kept, std::optional<file_version> recorded, const std::string& why) {
    const std::string right = b.files["file"];
    ftp_stub server(std::move(b));
    const memory_file to(kept);
    const auto r = resume(server, to, recorded);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_TRUE(to.content() == right) << why;
    EXPECT_EQ(r.got->resumed_from, 0U);
    EXPECT_EQ(r.got->bytes, right.size());
    ASSERT_EQ(r.got->warnings.size(), 1U) << why;
    EXPECT_THAT(r.got->warnings[0], HasSubstr("downloaded from the beginning"));
    EXPECT_THAT(r.got->warnings[0], HasSubstr(why));
}

TEST(client_resume, CL05_another_file_is_downloaded_from_the_beginning) {
    const auto part = whole.substr(0, 200'000);
    expect_new_download(with(whole), part, file_version{300'000, server_time - 1}, "has changed");
    expect_new_download(with(whole), part, file_version{299'999, server_time}, "has changed");
    expect_new_download(with(whole), part, std::nullopt, "no record");
    expect_new_download(with(whole), pattern(200'000, 7), same, "the end of the partial file differs");
    expect_new_download(with(whole), whole + "more", same, "longer");
    auto timeless = with(whole);
    timeless.modified = "";
    expect_new_download(timeless, part, same, "does not report");
    timeless.modified = "yesterday";
    expect_new_download(timeless, part, same, "does not report");
    expect_new_download(with(whole.substr(0, 1000)), whole.substr(0, 500), file_version{1000, server_time},
                        "no longer than");
}

TEST(client_resume, CL05_REST_that_is_ignored_or_refused_spoils_nothing) {
    for (const auto& content : {whole, std::string(300'000, 'x')}) {
        auto b = with(content);
        b.ignores_rest = true;
        for (const std::size_t kept : {std::size_t{100'000}, std::size_t{299'999}, std::size_t{300'000}})
            expect_new_download(b, content.substr(0, kept), same, "the end of the partial file differs");
    }
    for (const auto* refusal : {"502 no REST", "501 not at that position", "350"}) {
        auto b = with(whole);
        b.replies["REST"] = refusal;  // the stub does nothing then
        expect_new_download(b, whole.substr(0, 200'000), same,
                            std::string_view(refusal) == "350" ? "the end of the partial file differs" : refusal);
    }
}

TEST(client_resume, a_file_that_cannot_be_read_leaves_the_part_alone) {
    auto b = with(whole);
    b.replies["RETR"] = "550 no";
    ftp_stub server(b);
    const memory_file to(whole.substr(0, 200'000));
    EXPECT_FALSE(resume(server, to).got);
    EXPECT_EQ(to.content().size(), 200'000U);
}

TEST(client_resume, text_and_pipes_are_not_continued) {
    ftp_stub server(with(whole));
    const memory_file to("x");
    EXPECT_EQ(get(server.url("file;type=a"), to, quick(), true).got.error().at, step::local_file);
}

net::task<> get_recording(net::loop& home, std::string url, int file, std::vector<std::optional<file_version>>& out) {
    const auto location = url::parse(url);
    session s(home, quick());
    auto opened = co_await s.open(*location);
    EXPECT_TRUE(opened);
    download_resume how;
    how.record = [&out, file](const std::optional<file_version>& version) {
        struct ::stat about{};
        EXPECT_EQ(::fstat(file, &about), 0);
        EXPECT_EQ(about.st_size, 0) << "before the first byte";
        out.push_back(version);
    };
    auto got = co_await s.get(location->path, file, std::move(how), {});
    EXPECT_TRUE(got);
    co_await s.quit();
}

TEST(client_resume, what_a_later_resume_needs_is_recorded_before_the_first_byte) {
    auto b = with(whole);
    b.files["small"] = "x";
    ftp_stub server(b);
    std::vector<std::optional<file_version>> records;
    for (const auto* name : {"file", "small"}) {
        const memory_file to;
        net::loop_group loops(1);
        loops.run_until_done(get_recording(loops.at(0), server.url(name), to.get(), records));
    }
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0], same);
    EXPECT_EQ(records[1], std::nullopt) << "not worth a question";
    EXPECT_FALSE(sent(server, "MDTM small"));
}

// ---- Uploads

/// A local file that is older or newer than the server's.
memory_file local(const std::string& content, std::int64_t modified = server_time - 10) {
    memory_file out(content);
    const ::timespec times[2] = {{modified, 0}, {modified, 0}};
    EXPECT_EQ(::futimens(out.get(), times), 0);
    return out;
}

TEST(client_resume, continues_an_upload_of_the_same_file) {
    for (const std::size_t stored : {std::size_t{1}, std::size_t{200'000}, std::size_t{300'000}}) {
        for (const bool dated : {true, false}) {
            auto b = with(whole.substr(0, stored));
            if (!dated) b.modified = "";
            ftp_stub server(b);
            const auto from = local(whole);
            const auto r = put(from, server.url("file"), quick(), true);
            ASSERT_TRUE(r.got) << r.text();
            EXPECT_TRUE(server.stored("file") == whole);
            EXPECT_EQ(r.got->resumed_from, stored);
            EXPECT_EQ(r.got->bytes, whole.size() - stored);
            EXPECT_THAT(r.got->warnings, IsEmpty());
            EXPECT_FALSE(server.saw("STOR"));
        }
    }
}

TEST(client_resume, an_upload_of_a_new_file_is_ordinary) {
    ftp_stub server({});
    const auto from = local(whole);
    const auto r = put(from, server.url("new"), quick(), true);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_TRUE(server.stored("new") == whole);
    EXPECT_THAT(r.got->warnings, IsEmpty());
}

void expect_new_upload(behaviour b, const memory_file& from, const std::string& why) {
    ftp_stub server(std::move(b));
    const auto r = put(from, server.url("file"), quick(), true);
    ASSERT_TRUE(r.got) << r.text();
    EXPECT_TRUE(server.stored("file") == from.content()) << why;
    EXPECT_EQ(r.got->resumed_from, 0U);
    ASSERT_EQ(r.got->warnings.size(), 1U) << why;
    EXPECT_THAT(r.got->warnings[0], HasSubstr("uploaded from the beginning"));
    EXPECT_THAT(r.got->warnings[0], HasSubstr(why));
}

TEST(client_resume, CL05_another_file_is_uploaded_from_the_beginning) {
    expect_new_upload(with(pattern(200'000, 7)), local(whole), "differs");
    expect_new_upload(with(pattern(300'000, 7)), local(whole), "differs");
    expect_new_upload(with(pattern(300'001)), local(whole), "longer");
    expect_new_upload(with(whole.substr(0, 200'000)), local(whole, server_time + 1), "was changed");
    auto unreadable = with(whole.substr(0, 200'000));
    unreadable.replies["RETR"] = "550 you may only write here";
    expect_new_upload(unreadable, local(whole), "cannot be compared");
    auto ignoring = with(whole.substr(0, 200'000));
    ignoring.ignores_rest = true;
    expect_new_upload(ignoring, local(whole), "differs");
    auto refusing = with(whole.substr(0, 200'000));
    refusing.replies["REST"] = "502 no";
    expect_new_upload(refusing, local(whole), "cannot be compared");
}

}  // namespace
}  // namespace sallyport::client
