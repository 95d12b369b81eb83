impl Socket {
    async fn async_read_body(&self, buf: Vec<u8>) -> io::Result<usize> {
        self.fill(buf).await
    }
}
