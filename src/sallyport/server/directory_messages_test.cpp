// Texts of directories and of the server, over real connections.

#include <sallyport/server/server_test.hpp>

#include <sallyport/proto/text_lines.hpp>
#include <sallyport/vfs/posix_filesystem.hpp>
#include <sallyport/vfs/public_view.hpp>
#include <sallyport/vfs/test_directory.hpp>

namespace sallyport::server {
namespace {

class texts_test : public server_test {
protected:
    texts_test() {
        setup.message_file = ".message";
        EXPECT_TRUE(setup.files->make_directory(path("/d")));
        EXPECT_TRUE(setup.files->make_directory(path("/d/e")));
        vfs::put_file(*setup.files, "/d/.message", "Read this.\n250 \x1b]0;x\n");
    }
    static virtual_path path(const char* text) { return virtual_path().resolve(text).value(); }
};

TEST_F(texts_test, CWD_shows_the_text_of_a_directory_once) {
    start();
    auto c = logged_in();
    EXPECT_EQ(c.ask("CWD d"), "250-Read this.\n 250 ?]0;x\n250 \"/d\" is the current directory.");
    EXPECT_EQ(c.ask("CWD e"), "250 \"/d/e\" is the current directory.");
    EXPECT_EQ(c.ask("CDUP"), "250 \"/d\" is the current directory.");
    EXPECT_EQ(c.ask("CWD /d/../d"), "250 \"/d\" is the current directory.");
    EXPECT_EQ(c.code("CWD none"), "550");
    c.send_password();
    EXPECT_TRUE(c.ask("CWD d").starts_with("250-Read this.")) << "another login is another session";
    auto other = logged_in();
    EXPECT_TRUE(other.ask("CWD d").starts_with("250-Read this."));
}

TEST_F(texts_test, texts_can_be_off) {
    setup.message_file.clear();
    start();
    auto c = logged_in();
    EXPECT_EQ(c.ask("CWD d"), "250 \"/d\" is the current directory.");
}

TEST_F(texts_test, of_a_long_text_the_first_lines_are_shown) {
    std::string text;
    while (text.size() < 2 * proto::max_text_size) text += "a line of this text that is long enough to reach the limit\n";
    vfs::put_file(*setup.files, "/d/.message", text);
    vfs::put_file(*setup.files, "/d/e/.message", std::string(2 * proto::max_text_size, 'x'));
    start();
    auto c = logged_in();
    const std::string reply = c.ask("CWD d");
    EXPECT_GT(reply.size(), proto::max_text_size / 2);
    EXPECT_LT(reply.size(), proto::max_text_size * 2);
    EXPECT_TRUE(
        reply.ends_with("\n a line of this text that is long enough to reach the limit\n250 \"/d\" is the current "
                        "directory."))
        << "whole lines only";
    EXPECT_LT(c.ask("CWD e").size(), proto::max_text_size * 2);
}

// Names with a dot are hidden from anonymous users, but not the text that the administrator shows them.
TEST_F(texts_test, anonymous_users_get_texts_that_everybody_may_read) {
    const vfs::test_directory root;
    const auto files =
        vfs::open_posix_filesystem(root.path(),
                                   {.file_mode = 0644, .directory_mode = 0755, .exact_modes = true, .follow_links = false})
            .value();
    for (const char* directory : {"/open", "/closed", "/dir", "/.hidden"})
        ASSERT_TRUE(files->make_directory(path(directory)));
    for (const char* directory : {"/open", "/closed", "/.hidden"})
        vfs::put_file(*files, std::string(directory) + "/.message", "Hello.");
    ASSERT_TRUE(files->set_mode(path("/closed/.message"), 0640));
    ASSERT_TRUE(files->make_directory(path("/dir/.message")));
    setup.anonymous->files = vfs::make_public_view(files);
    start();
    auto c = client();
    c.log_in("anonymous", "a@b");
    EXPECT_EQ(c.ask("CWD /open"), "250-Hello.\n250 \"/open\" is the current directory.");
    EXPECT_EQ(c.ask("CWD /closed"), "250 \"/closed\" is the current directory.");
    EXPECT_EQ(c.ask("CWD /dir"), "250 \"/dir\" is the current directory.");
    EXPECT_EQ(c.code("CWD /.hidden"), "550");
    EXPECT_EQ(c.code("SIZE /open/.message"), "550");
}

}  // namespace
}  // namespace sallyport::server
