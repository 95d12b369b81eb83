impl Socket {
    async fn async_read_impl(&self, buf: Vec<u8>) -> io::Result<usize> {
        self.fill(buf).await
    }
}
