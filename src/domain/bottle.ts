/** How a bottle is realised: bubblewrap, Docker Engine, or the external CLI. */
export type BackendName = 'local' | 'docker' | 'bot-bottle';
