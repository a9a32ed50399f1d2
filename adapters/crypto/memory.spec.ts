import { keyRingContract } from './contract.ts';
import { memoryKeyTable } from './memory.ts';

keyRingContract('memory', async () => memoryKeyTable());
